"""The official Python client drives sluice-studio over stdio. Usage: stdio_client.py PROGRAM PICTURES VENDOR DATA

Prints one JSON object with what it saw; the Swift test judges it. Exits with 1 on any failure of its own.
"""

import asyncio
import base64
import json
import sys
import urllib.request

import jsonschema
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(program, pictures, vendor, data):
    seen = {}
    progress = []
    server = StdioServerParameters(
        command=program,
        args=["--data-dir", data, "--allow-root", pictures, "--models", vendor],
    )
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        hello = await session.initialize()
        hello = hello.model_dump(by_alias=True, mode="json")
        seen["version"] = hello["protocolVersion"]
        seen["server"] = hello["serverInfo"]["name"]

        tools = (await session.list_tools()).model_dump(by_alias=True, mode="json", exclude_none=True)["tools"]
        seen["tools"] = [tool["name"] for tool in tools]
        outputs = {}
        for tool in tools:
            jsonschema.Draft202012Validator.check_schema(tool["inputSchema"])
            jsonschema.Draft202012Validator.check_schema(tool["outputSchema"])
            outputs[tool["name"]] = jsonschema.Draft202012Validator(tool["outputSchema"])

        async def call(name, arguments, **more):
            result = await session.call_tool(name, arguments, **more)
            result = result.model_dump(by_alias=True, mode="json")
            content = result["structuredContent"]
            outputs[name].validate(content)
            assert json.loads(result["content"][0]["text"]) == content
            assert result["isError"] == (content["status"] != "success")
            return result, content

        async def note(done, total, message):
            progress.append(done)

        _, upload = await call("imageUpload", {"file_path": f"{pictures}/astronaut.png"})
        item = upload["result"]["data"][0]
        seen["upload"] = [item["width"], item["height"], item["format"]]

        masks = {}
        for model in ["runware:35@6", "runware:35@7", "runware:35@8"]:
            result, content = await call(
                "imageMasking",
                {"inputImage": item["imageUUID"], "model": model, "outputFormat": "PNG"},
                progress_callback=note,
            )
            mask = content["result"]["data"][0]
            with urllib.request.urlopen(mask["maskImageURL"]) as answer:
                body = answer.read()
                masks[model] = {
                    "detections": mask["detections"],
                    "type": answer.headers["Content-Type"],
                    "nosniff": answer.headers["X-Content-Type-Options"],
                    "same": body == open(mask["maskImagePath"], "rb").read(),
                    "blocks": [block["type"] for block in result["content"]],
                    "coverage": content["coverage"],
                }
        seen["masks"] = masks
        seen["progress"] = progress

        _, content = await call("imageMasking", {"inputImage": "chelsea.png", "model": "runware:35@8"})
        seen["cat"] = [content["result"]["data"][0]["detections"], "warning" in content]

        picture = base64.b64encode(open(f"{pictures}/coffee.png", "rb").read()).decode()
        _, content = await call("imageUpload", {"file_path": f"data:image/png;base64,{picture}"})
        seen["pasted"] = content["status"]

        errors = {}
        for name, tool, arguments in [
            ("default model", "imageMasking", {"inputImage": item["imageUUID"]}),
            ("outside", "imageUpload", {"file_path": "/etc/passwd"}),
            ("no picture", "imageUpload", {"file_path": "README.md"}),
            ("range", "imageMasking", {"inputImage": item["imageUUID"], "confidence": 2}),
            ("url", "imageMasking", {"inputImage": "https://127.0.0.1:1/a.png", "model": "runware:35@6"}),
        ]:
            _, content = await call(tool, arguments)
            errors[name] = content["error"]["code"]
        seen["errors"] = errors

        # Six calls at once, told apart by their own ids.
        async def one(padding):
            _, content = await call(
                "imageMasking", {"inputImage": item["imageUUID"], "model": "runware:35@7", "maskPadding": padding}
            )
            return content["coverage"]

        seen["parallel"] = await asyncio.gather(*(one(padding) for padding in range(0, 30, 5)))
    print(json.dumps(seen))


asyncio.run(main(*sys.argv[1:]))
