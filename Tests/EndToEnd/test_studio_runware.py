"""The tools of Runware through a server of our own that speaks its contract, good days and bad days."""

import json
import os
import pathlib
import tempfile
import urllib.error
import urllib.request
import uuid

from fake_image_services import MP4, FakeRunware, png
from harness import DEADLINE, until
from studio_session import Studio, StudioCase


class Runware(StudioCase):
    @classmethod
    def setUpClass(cls):
        cls.service = FakeRunware()
        cls.addClassCleanup(cls.service.close)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        key = pathlib.Path(folder.name, "key")
        key.write_text(cls.service.key + "\n")
        key.chmod(0o644)
        cls.studio = Studio("--runware-key-file", key, "--runware-url", cls.service.url, "--service-deadline", "20s",
                            "--upload-host", f"127.0.0.1:{cls.service.port}")
        cls.addClassCleanup(cls.studio.close)

    def setUp(self):
        self.service.requests.clear()
        self.service.plan.clear()

    # Each tool.

    def test_inference_sends_what_was_set_and_brings_the_picture(self):
        progress = []
        content = self.success("imageInference", progress, positivePrompt="red kite over dunes", width=256, height=192,
                               outputFormat="PNG", includeCost=True, seed=4021)
        task, = self.service.tasks("imageInference")
        self.assertEqual({name: task.get(name) for name in ("positivePrompt", "width", "height", "steps", "seed",
                                                             "outputType", "outputFormat", "includeCost", "model")},
                         {"positivePrompt": "red kite over dunes", "width": 256, "height": 192, "steps": 20, "seed": 4021,
                          "outputType": "URL", "outputFormat": "PNG", "includeCost": True, "model": "civitai:943001@1055701"})
        for name in ("CFGScale", "strength", "webhookURL", "uploadEndpoint", "checkNSFW", "estimatedCost"):
            self.assertNotIn(name, task)
        self.assertEqual((content["engine"], content["model"], content["cost"]),
                         ("runware", "civitai:943001@1055701", 0.0013))
        item, = content["result"]["data"]
        self.assertEqual((item["seed"], item["width"], item["height"], item["cost"]), (2**53 + 1, 256, 192, 0.0013))
        picture = pathlib.Path(item["imagePath"]).read_bytes()
        self.assertEqual(picture, png(256, 192, text=b""), "the file is the service's, but for its metadata")
        self.assertEqual([block["type"] for block in self.studio.last["content"]], ["text", "image", "resource_link"])
        self.assertEqual([done for done, _, _ in progress], sorted({done for done, _, _ in progress}))

    def test_models_of_other_makers_get_no_steps(self):
        self.success("imageInference", positivePrompt="a boat", model="bytedance:4@1")
        self.assertNotIn("steps", self.service.tasks("imageInference")[0])
        self.success("imageInference", positivePrompt="a boat", model="bytedance:4@1", steps=12)
        self.assertEqual(self.service.tasks("imageInference")[1]["steps"], 12)

    def test_extra_arguments_go_along_but_lead_nowhere(self):
        self.success("imageInference", positivePrompt="a boat", extraArgs={"acceleration": "high", "ultralytics": {"steps": 9}})
        task, = self.service.tasks("imageInference")
        self.assertEqual((task["acceleration"], task["ultralytics"]), ("high", {"steps": 9}))
        for key, code in [("uploadEndpoint", "uploadNotAllowed"), ("webhookURL", "uploadNotAllowed"),
                          ("taskUUID", "incompatibleParameters"), ("width", "incompatibleParameters"),
                          ("seedImage", "incompatibleParameters"), ("CFGScale", "incompatibleParameters"),
                          ("lora", "incompatibleParameters"), ("inputs", "incompatibleParameters")]:
            error = self.failure("imageInference", code, positivePrompt="a boat", extraArgs={key: "https://evil.example/x"})
            self.assertEqual(error["parameter"], f"extraArgs.{key}")
        error = self.failure("imageInference", "urlNotAllowed", positivePrompt="a boat",
                             extraArgs={"someImages": ["http://10.0.0.1/secret"]})
        self.assertEqual(error["parameter"], "extraArgs.someImages[0]")
        self.assertEqual(len(self.service.requests), 1)

    def test_pictures_are_sent_once_and_without_metadata(self):
        for _ in range(2):
            self.success("imageInference", positivePrompt="a boat", seedImage="b.png", maskImage="b.png", strength=0.5,
                         controlNet=[{"model": "runware:25@1", "guideImage": "b.png", "weight": 0.5}])
        uploads = self.service.tasks("imageUpload")
        self.assertLessEqual(len(uploads), 1)
        for content in self.service.images.values():
            self.assertNotIn(b"secret workflow", content)
        for task in self.service.tasks("imageInference"):
            self.assertIn(task["seedImage"], self.service.images)
            self.assertEqual(task["controlNet"], [{"model": "runware:25@1", "guideImage": task["seedImage"], "weight": 0.5}])

    def test_a_picture_that_the_service_forgot_is_sent_again(self):
        self.success("imageUpscale", inputImage="a.png")
        self.service.images.clear()
        self.success("imageUpscale", inputImage="a.png")
        self.assertEqual(len(self.service.images), 1)
        # Said of an argument that is no picture, it is no reason to send anything again.
        for name, count in [("outputFormat", 1), ("inputImage", 3)]:
            self.service.requests.clear()
            self.service.plan[:] = [("status", 400, {"errors": [{
                "code": "invalidImage", "message": "no", "parameter": name}]})]
            self.studio.call("imageUpscale", inputImage="a.png")
            self.assertEqual(len(self.service.requests), count, name)

    def test_photo_maker_adds_its_trigger_word(self):
        content = self.success("photoMaker", positivePrompt="hiker on a ridge", inputImages=["a.png", "b.png"])
        task, = self.service.tasks("photoMaker")
        self.assertEqual(task["positivePrompt"], "rwre, hiker on a ridge")
        self.assertNotIn("style", task, "the service's default, whose name it spells otherwise")
        self.assertEqual(content["result"]["data"][0]["inputImagesUUID"], task["inputImages"])

    def test_upscale_background_and_caption(self):
        content = self.success("imageUpscale", inputImage="a.png", upscaleFactor=4, outputFormat="WEBP")
        self.assertEqual(pathlib.Path(content["result"]["data"][0]["imagePath"]).read_bytes()[8:12], b"WEBP")
        self.assertEqual(self.service.tasks("imageUpscale")[0]["upscaleFactor"], 4)
        self.success("imageBackgroundRemoval", inputImage="a.png", model="runware:109@1",
                     settings={"rgba": [0, 0, 0, 0], "alphaMatting": True})
        self.assertEqual(self.service.tasks("imageBackgroundRemoval")[0]["settings"],
                         {"rgba": [0, 0, 0, 0], "alphaMatting": True})
        content = self.success("imageCaption", inputImage="a.png", model="runware:150@2")
        self.assertEqual((content["caption"], content["cost"]), ("A mug and a lamp.", 0.0006))
        for name in ("imageCaption", "imageUpscale"):
            content = self.success(name, inputImage="a.png")
            self.assertEqual((content["engine"], content["model"]), ("runware", "the service's own"))

    def test_masks_of_models_that_are_not_here(self):
        content = self.success("imageMasking", inputImage="a.png", model="runware:35@1", outputType="base64Data",
                               outputFormat="PNG")
        self.assertEqual((content["engine"], content["model"]), ("runware", "runware:35@1"))
        item, = content["result"]["data"]
        self.assertEqual(item["detections"], [{"x_min": 12, "y_min": 8, "x_max": 30, "y_max": 40}])
        self.assertEqual(content["coverage"], 1)
        # What this machine has is done here.
        self.assertEqual(self.success("imageMasking", inputImage="a.png", model="runware:35@7")["engine"], "local")

    def test_model_search(self):
        content = self.success("modelSearch", search="realistic", category="checkpoint", limit=5)
        item, = content["result"]["data"]
        self.assertEqual((item["totalResults"], item["results"][0]["air"]), (212, "civitai:1@2"))
        task, = self.service.tasks("modelSearch")
        self.assertEqual({name: task[name] for name in ("search", "category", "limit", "offset", "visibility")},
                         {"search": "realistic", "category": "checkpoint", "limit": 5, "offset": 0, "visibility": "all"})
        self.assertTrue(self.studio.tools["modelSearch"]["annotations"]["readOnlyHint"])

    def test_a_video_is_waited_for(self):
        progress = []
        content = self.success("videoInference", progress, positivePrompt="slow pan", model="klingai:5@2",
                               frameImages=[{"inputImage": "a.png", "frame": "first"}], includeCost=True)
        item, = content["result"]["data"]
        self.assertEqual(pathlib.Path(item["videoPath"]).read_bytes(), MP4)
        self.assertEqual(self.studio.links(), [f"studio://videos/{item['videoUUID']}"])
        self.assertEqual(self.studio.read(f"studio://videos/{item['videoUUID']}"), MP4)
        self.assertEqual((content["cost"], item["seed"]), (0.18, 77))
        task, = self.service.tasks("videoInference")
        self.assertEqual(task["deliveryMethod"], "async")
        self.assertEqual(task["frameImages"][0]["frame"], "first")
        self.assertIn("Runware is at 30 %", [message for _, _, message in progress])

    def test_a_video_whose_download_breaks_is_fetched_again(self):
        self.service.file_plan += [("status", 503, b""), ("raw", b"", "video/mp4"), ("cut",)]
        content = self.success("videoInference", positivePrompt="slow pan", model="google:3@1")
        self.assertEqual(pathlib.Path(content["result"]["data"][0]["videoPath"]).read_bytes(), MP4)
        self.assertEqual(self.service.file_plan, [])

    def test_what_breaks_our_own_schema_is_left_out(self):
        head = {"taskType": "imageInference", "taskUUID": str(uuid.uuid4())}
        link = self.service.keep(png(), "image/png")
        good = {**head, "imageUUID": str(uuid.uuid4()), "imageURL": link, "cost": -1, "seed": 5}
        self.service.plan += [("status", 200, {"data": [good] + [{**head, "junk": "x"}] * 5_000})]
        content = self.success("imageInference", positivePrompt="a boat", taskUUID=head["taskUUID"], includeCost=True)
        item, = content["result"]["data"]
        self.assertEqual(item["cost"], 0.0013, "the price table's")
        self.assertLessEqual(len(content["furtherErrors"]), 21)
        head = {"taskType": "modelSearch", "taskUUID": str(uuid.uuid4())}
        models = [{"air": 5, "name": "n"}, {"air": "a:1@2", "name": None}]
        self.service.plan += [("status", 200, {"data": [{**head, "results": models, "totalResults": 2}]})]
        content = self.success("modelSearch", search="n", taskUUID=head["taskUUID"])
        self.assertEqual(content["result"]["data"][0]["results"], [{"name": "n"}, {"air": "a:1@2"}])

    def test_a_video_is_served_in_parts(self):
        video = MP4 * 13  # Three megabytes and a bit: parts of one each.
        head = {"taskType": "videoInference", "taskUUID": str(uuid.uuid4())}
        self.service.plan += [None, ("status", 200, {"data": [
            {**head, "status": "success", "videoURL": self.service.keep(video, "video/mp4")}]})]
        content = self.success("videoInference", positivePrompt="slow pan", model="google:3@1", taskUUID=head["taskUUID"])
        url, size = content["result"]["data"][0]["videoURL"], len(video)

        def get(method="GET", **fields):
            try:
                with urllib.request.urlopen(urllib.request.Request(url, headers=fields, method=method)) as answer:
                    return answer.status, answer.headers.get("Content-Range"), answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.headers.get("Content-Range"), error.read()

        self.assertEqual(get(), (200, None, video))
        self.assertEqual(get("HEAD"), (200, None, b""))
        for words, first, last in [("0-0", 0, 0), ("5-104", 5, 104), (f"{size - 10}-", size - 10, size - 1),
                                   ("-7", size - 7, size - 1), ("100-99999999999", 100, size - 1), (f"-{size + 5}", 0, size - 1)]:
            with self.subTest(words):
                whole = (first, last) == (0, size - 1)
                self.assertEqual(get(Range=f"bytes={words}"), (
                    200 if whole else 206, None if whole else f"bytes {first}-{last}/{size}", video[first:last + 1]))
        for words in ("bytes=9-5", "bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=x-", "bytes=5"):
            self.assertEqual(get(Range=words)[0], 200, words)
        self.assertEqual(get(Range="bytes=0-9", If_Range='"x"')[0], 206, "another field's name")
        self.assertEqual(get(**{"Range": "bytes=0-9", "If-Range": '"x"'})[0], 200)
        for words in (f"bytes={size}-", "bytes=-0"):
            self.assertEqual((get(Range=words)[0], get(Range=words)[2]), (416, b""), words)

    def test_what_was_made_can_be_read_as_a_resource(self):
        item, = self.success("imageInference", positivePrompt="a boat", outputFormat="PNG")["result"]["data"]
        uri, = self.studio.links()
        self.assertEqual(uri, f"studio://pictures/{item['imageUUID']}")
        self.assertEqual(self.studio.read(uri), pathlib.Path(item["imagePath"]).read_bytes())
        listed = self.studio.ask("list_resources").resources
        self.assertEqual((str(listed[0].uri), listed[0].mime_type), (uri, "image/png"), "the newest first")
        self.assertLessEqual(len(listed), 100)
        templates = self.studio.ask("list_resource_templates").resource_templates
        self.assertEqual([str(template.uri_template) for template in templates],
                         ["studio://pictures/{uuid}", "studio://videos/{uuid}"])
        self.success("imageMasking", inputImage=uri, model="runware:35@6")
        for bad in (f"studio://videos/{item['imageUUID']}", f"studio://pictures/{uuid.uuid4()}", "studio://pictures/../x",
                    "file:///etc/passwd"):
            with self.subTest(bad), self.assertRaises(Exception) as caught:
                self.studio.ask("read_resource", bad)
            self.assertIn("there is no", str(caught.exception))

    def test_frames_as_a_text(self):
        self.success("videoInference", positivePrompt="slow pan",
                     frameImages=json.dumps([{"inputImage": "a.png", "frame": 12}]))
        task, = self.service.tasks("videoInference")
        self.assertEqual((task["model"], task["frameImages"][0]["frame"]), ("klingai:5@2", 12))

    def test_dry_run_and_estimate(self):
        content = self.success("imageInference", positivePrompt="a boat", dryRun=True)
        self.assertEqual((content["cost"], content["result"]["data"]), (0.0125, []))
        self.assertEqual(self.service.requests[-1][2].get("X-Runware-Dry-Run"), "1")
        before = self.service.made
        error = self.failure("imageInference", "costTooHigh", positivePrompt="a boat", numberResults=20, estimatedCost=0.01)
        self.assertEqual((error["parameter"], self.service.made), ("estimatedCost", before))

    def test_results_go_to_an_allowed_endpoint(self):
        target = f"{self.service.base}/put"
        self.service.plan[:] = []
        content = self.studio.call("imageInference", positivePrompt="a boat", uploadEndpoint="http://10.1.2.3/put")
        self.assertEqual(content["error"]["code"], "uploadNotAllowed")
        self.assertEqual(self.service.requests, [], "refused before any work")
        self.service.plan += [None, ("status", 204, b"")]
        self.success("imageInference", positivePrompt="a boat", uploadEndpoint=target, outputFormat="PNG")
        method, path, headers, body = self.service.requests[-1]
        self.assertEqual((method, path, headers["Content-Type"], body[:4]), ("PUT", "/put", "image/png", b"\x89PNG"))
        # One place is for one result.
        self.service.requests.clear()
        error = self.failure("imageInference", "incompatibleParameters", positivePrompt="a boat", uploadEndpoint=target,
                             numberResults=2)
        self.assertEqual((error["parameter"], self.service.requests), ("numberResults", []))

    def test_a_cancelled_call_sends_nothing_on(self):
        self.service.plan[:] = [None, ("listen",)]
        self.service.gone.clear()
        call = self.studio.start("imageInference", {"positivePrompt": "a boat", "uploadEndpoint": f"{self.service.base}/put"})
        until(lambda: self.service.requests and self.service.requests[-1][0] == "PUT", "the upload")
        call.cancel()
        self.assertTrue(self.service.gone.wait(DEADLINE), "the connection is closed")

    def test_a_result_that_can_not_be_sent_on_is_still_here(self):
        name = str(uuid.uuid4())
        self.service.plan[:] = [None, ("status", 500, b"")]
        content = self.success("imageInference", positivePrompt="a boat", uploadEndpoint=f"{self.service.base}/put", taskUUID=name)
        self.assertTrue(pathlib.Path(content["result"]["data"][0]["imagePath"]).exists())
        error, = content["furtherErrors"]
        self.assertEqual((content["partial"], error["code"], error["parameter"], error["taskUUID"]),
                         (True, "uploadFailed", "uploadEndpoint", name))

    # Bad days.

    def test_some_of_several_results_fail(self):
        name = str(uuid.uuid4())
        head = {"taskType": "imageInference", "taskUUID": name}
        good = [{**head, "imageUUID": str(uuid.uuid4()), "imageURL": self.service.keep(png(), "image/png"), "cost": 0.001}
                for _ in range(2)]
        gone = {**head, "imageUUID": str(uuid.uuid4()), "imageURL": self.service.base + "/files/gone", "cost": 0.001}
        self.service.plan.append(("status", 200, {
            "data": [*good, gone], "errors": [{**head, "code": "inferenceError", "message": "one failed"}]}))
        content = self.success("imageInference", positivePrompt="a boat", numberResults=4, taskUUID=name)
        self.assertTrue(content["partial"])
        self.assertEqual(len(content["result"]["data"]), 2)
        self.assertEqual([error["code"] for error in content["furtherErrors"]], ["serviceFailed", "serviceRefused"])
        self.assertEqual(content["furtherErrors"][0]["serviceCode"], "inferenceError")

    def test_one_of_two_results_is_no_picture(self):
        name = str(uuid.uuid4())
        head = {"taskType": "imageInference", "taskUUID": name}
        self.service.plan.append(("status", 200, {"data": [
            {**head, "imageURL": self.service.keep(content, "image/png"), "cost": 0.001} for content in (b"no picture", png())]}))
        content = self.success("imageInference", positivePrompt="a boat", numberResults=2, taskUUID=name)
        self.assertEqual((content["partial"], len(content["result"]["data"]), content["cost"]), (True, 1, 0.002))
        self.assertEqual([(error["code"], error["taskUUID"]) for error in content["furtherErrors"]], [("serviceFailed", name)])

    def test_a_video_that_failed_as_a_whole_is_not_waited_for(self):
        head = {"taskType": "videoInference", "taskUUID": str(uuid.uuid4())}
        self.service.plan += [("status", 200, {"data": [head]}), ("status", 200, {"data": [{**head, "status": "processing"}]}),
                              ("status", 200, {"errors": [{**head, "code": "contentPolicyViolation", "message": "not this"}]})]
        self.failure("videoInference", "contentRefused", positivePrompt="slow pan", model="google:3@1", numberResults=2,
                     taskUUID=head["taskUUID"])

    def test_errors_say_how_to_go_on_without_paying_twice(self):
        (self.studio.pictures / "fresh.png").write_bytes(png(40, 30, (7, 7, 7)))
        for steps, arguments in [
            ([("status", 502, b"")] * 4, {"positivePrompt": "a boat"}),
            ([("cut",)] * 4, {"positivePrompt": "a boat", "seedImage": "fresh.png"}),
            ([("status", 200, {"errors": [{"code": "providerError", "message": "no"}]})], {"positivePrompt": "a boat"}),
        ]:
            with self.subTest(steps[0]):
                name = str(uuid.uuid4())
                self.service.plan[:] = steps
                error = self.studio.call("imageInference", taskUUID=name, **arguments)["error"]
                self.assertEqual((error["taskUUID"], error["retryable"]), (name, True))
                self.assertIn("without paying twice", error["message"])
        # What was paid for is brought by the error's taskUUID.
        self.service.plan[:] = [("accept-then-cut",)] + [("status", 502, b"")] * 3
        error = self.studio.call("imageInference", positivePrompt="a boat")["error"]
        made = self.service.made
        content = self.success("imageInference", positivePrompt="something else", taskUUID=error["taskUUID"])
        self.assertEqual(self.service.made, made)
        self.assertIn("knew this taskUUID already", content["warning"])

    def test_a_uuid_of_another_kind_of_task(self):
        self.success("imageUpscale", inputImage="a.png")
        self.service.requests.clear()
        (self.studio.pictures / "other.png").write_bytes(png(41, 31, (8, 8, 8)))
        self.success("imageUpscale", inputImage="other.png")
        uploaded, = self.service.tasks("imageUpload")
        error = self.failure("imageUpscale", "incompatibleParameters", inputImage="a.png", taskUUID=uploaded["taskUUID"])
        self.assertEqual(error["parameter"], "taskUUID")

    def test_answers_that_are_errors(self):
        def errors(code, **more):
            return {"errors": [{"code": code, "message": "because", **more}]}

        for step, code, retryable in [
            ((400, errors("invalidWidth", parameter="width", allowedValues=[1])), "serviceRefused", False),
            ((400, {"error": {"code": "unsupportedParameter", "message": "no steps", "parameter": ["steps", "x"]}}),
             "serviceRefused", False),
            ((400, {"error": True, "errorId": 7, "errorMessage": "an old form"}), "serviceRefused", False),
            ((401, b""), "keyRefused", False),
            ((403, errors("accountSuspended")), "keyRefused", False),
            ((402, errors("insufficientCredits")), "creditsExhausted", False),
            ((400, errors("contentPolicyViolation")), "contentRefused", False),
            ((200, errors("timeoutProvider")), "serviceFailed", True),
            ((200, errors("providerError")), "serviceFailed", True),
            ((200, {"data": []}), "serviceFailed", True),
            ((200, {"errors": []}), "serviceFailed", True),
        ]:
            with self.subTest(step):
                self.service.plan[:] = [("status", *step)]
                error = self.failure("imageInference", code, positivePrompt="a boat")
                self.assertEqual(error["retryable"], retryable)
                self.assertEqual(self.service.plan, [])
        self.service.plan[:] = [("status", 400, errors("invalidWidth", parameter="width"))]
        error = self.failure("imageInference", "serviceRefused", positivePrompt="a boat")
        self.assertEqual((error["parameter"], error["serviceCode"], error["engine"]), ("width", "invalidWidth", "runware"))

    def test_what_passes_is_tried_again_with_the_same_task(self):
        for steps in [
            [("status", 502, b"<html>bad gateway</html>", {"kind": "text/html"})],
            [("status", 429, b"", {"Retry_After": 1}), ("status", 503, b"")],
            [("raw", b"{\"data\": [", "application/json")],
            [("raw", b"<html>", "text/html")],
            [("cut",)],
        ]:
            with self.subTest(steps):
                self.service.requests.clear()
                self.service.plan[:] = steps
                self.success("imageInference", positivePrompt="a boat")
                tasks = self.service.tasks("imageInference")
                self.assertEqual(len(tasks), len(steps) + 1)
                self.assertEqual(len({task["taskUUID"] for task in tasks}), 1)

    def test_videos_that_come_one_by_one(self):
        name = str(uuid.uuid4())
        head = {"taskType": "videoInference", "taskUUID": name}
        ready = {**head, "status": "success", "videoURL": self.service.keep(MP4, "video/mp4"), "cost": 0.1}
        failed = {**head, "status": "error", "code": "timeoutProvider", "message": "upstream took too long"}
        self.service.plan += [None, ("status", 200, {"data": [{**head, "status": "processing"}]}),
                              ("status", 200, {"data": [ready, {**head, "status": "processing", "progress": 40}]}),
                              ("status", 200, {"data": []}),
                              ("status", 200, {"data": [ready], "errors": [failed]})]
        content = self.success("videoInference", positivePrompt="slow pan", model="google:3@1", numberResults=2, taskUUID=name)
        self.assertEqual((len(content["result"]["data"]), content["partial"]), (1, True))
        self.assertEqual(content["furtherErrors"][0]["serviceCode"], "timeoutProvider")
        self.assertEqual(self.service.plan, [])

    def test_videos_that_are_none(self):
        head = {"taskType": "videoInference", "taskUUID": str(uuid.uuid4()), "status": "success"}
        for content, kind in [(b"<html>", "text/html"), (b"", "video/mp4")]:
            with self.subTest(kind):
                self.service.plan += [("status", 200, {"data": [{**head, "videoURL": self.service.keep(content, kind)}]})]
                self.failure("videoInference", "serviceFailed", positivePrompt="slow pan", model="google:3@1",
                             taskUUID=head["taskUUID"])
        left = list(pathlib.Path(self.studio.folder, "data/outputs").glob("*.part"))
        self.assertEqual(left, [], "what came in part is gone")

    def test_work_is_not_paid_for_twice(self):
        before = self.service.made
        self.service.plan[:] = [("accept-then-cut",)]
        self.success("imageInference", positivePrompt="a boat")
        self.assertEqual(self.service.made, before + 1, "the conflict of UUIDs leads to the first task's result")
        self.assertEqual(len(self.service.tasks("getResponse")), 1)
        (self.studio.pictures / "new.png").write_bytes(png(40, 30, (9, 9, 9)))
        self.service.plan[:] = [("accept-then-cut",)]
        uploaded = len(self.service.images)
        self.success("imageUpscale", inputImage="new.png")
        self.assertEqual(len(self.service.images), uploaded + 1)

    def test_it_gives_up_in_the_end(self):
        self.service.plan[:] = [("status", 429, b"")] * 4
        error = self.failure("imageInference", "rateLimited", positivePrompt="a boat")
        self.assertTrue(error["retryable"])
        self.assertEqual(len(self.service.requests), 4)

    def test_results_that_are_no_pictures(self):
        head = {"taskType": "imageInference", "taskUUID": str(uuid.uuid4()), "imageUUID": str(uuid.uuid4())}
        for content, kind in [(b"<html>", "text/html"), (b"no picture", "image/png"), (png()[:60], "image/png"),
                              (b"\0" * (33 << 20), "image/png")]:
            with self.subTest(kind=kind, size=len(content)):
                self.service.plan[:] = [("status", 200, {"data": [{**head, "imageURL": self.service.keep(content, kind)}]})]
                error = self.failure("imageInference", "serviceFailed", positivePrompt="a boat", taskUUID=head["taskUUID"])
                self.assertNotIn("not understood", error["message"])
        for url in ["http://127.0.0.1:1/a.png", "https://127.0.0.1/a.png", "http://example.org/a.png", "file:///etc/passwd"]:
            with self.subTest(url):
                self.service.plan[:] = [("status", 200, {"data": [{**head, "imageURL": url}]})]
                self.failure("imageInference", "serviceFailed", positivePrompt="a boat", taskUUID=head["taskUUID"])

    def test_a_call_can_be_cancelled_and_taken_up_again(self):
        self.service.polls_needed = 10**6
        name = str(uuid.uuid4())
        arguments = {"positivePrompt": "slow pan", "model": "klingai:5@2", "taskUUID": name}
        call = self.studio.start("videoInference", arguments)
        until(lambda: self.service.polls.get(name), "the first question about the video")
        call.cancel()
        self.service.polls_needed = 2
        made = self.service.made
        content = self.success("videoInference", **arguments)
        self.assertEqual(content["result"]["data"][0]["taskUUID"], name)
        self.assertEqual(self.service.made, made)

    def test_keys_are_never_shown(self):
        self.service.plan[:] = [("status", 401, b"")]
        self.failure("imageInference", "keyRefused", positivePrompt="a boat")
        self.assertNotIn(self.service.key, json.dumps(self.studio.last) + self.studio.log())
        echo = {"errors": [{"code": "invalidApiKey", "message": f"Bearer {self.service.key} is wrong"}]}
        self.service.plan[:] = [("status", 401, echo)]
        self.assertIn("Bearer ***", self.failure("imageInference", "keyRefused", positivePrompt="a boat")["message"])
        self.assertRegex(self.studio.log(), r"the key file .* can be read by others than its owner \(mode 644\)")
        self.assertNotIn(self.service.key, json.dumps(self.studio.last) + self.studio.log())


class Busy(StudioCase):
    def test_results_that_are_paid_for_are_not_refused(self):
        service = FakeRunware()
        self.addCleanup(service.close)
        env = {"PATH": os.environ["PATH"], "RUNWARE_API_KEY": service.key}
        self.studio = Studio("--runware-url", service.url, "--threads", "1", "--queue", "1", env=env)
        self.addCleanup(self.studio.close)
        calls = [self.studio.start("imageInference", {"positivePrompt": "a boat", "width": 512, "height": 512})
                 for _ in range(12)]
        contents = [self.studio.check("imageInference", call.result(4 * DEADLINE)) for call in calls]
        self.assertEqual([content["status"] for content in contents], ["success"] * 12)
        self.assertEqual(len(service.tasks("imageInference")), 12)


class Deadline(StudioCase):
    def test_endless_work_ends_at_the_deadline(self):
        service = FakeRunware()
        self.addCleanup(service.close)
        service.polls_needed = 10**6
        env = {"PATH": os.environ["PATH"], "RUNWARE_API_KEY": service.key}
        self.studio = Studio("--runware-url", service.url, "--service-deadline", "1s", "--video-deadline", "1s",
                             "--upload-host", "127.0.0.1", env=env)
        self.addCleanup(self.studio.close)
        error = self.failure("videoInference", "timeout", positivePrompt="slow pan", model="klingai:5@2")
        self.assertTrue(error["retryable"])
        self.assertIn(error["taskUUID"], service.polls)
        service.plan[:] = [("hang",)]
        self.failure("imageInference", "timeout", positivePrompt="a boat")
        service.plan[:] = [None, ("hang",)]
        content = self.success("imageInference", positivePrompt="a boat", uploadEndpoint=f"{service.base}/put")
        self.assertIn("did not come in time", content["furtherErrors"][0]["message"])
        service.released.set()


class Unconfigured(StudioCase):
    def test_tools_say_what_is_missing(self):
        self.studio = Studio("--profile", "runware")
        self.addCleanup(self.studio.close)
        self.assertEqual(sorted(self.studio.tools), sorted([
            "imageInference", "photoMaker", "imageUpscale", "imageBackgroundRemoval", "imageCaption", "imageMasking",
            "modelSearch", "videoInference", "listVideoModels", "getVideoModelInfo", "imageUpload"]))
        for name, arguments in [
            ("imageInference", {"positivePrompt": "a boat"}), ("modelSearch", {}),
            ("photoMaker", {"positivePrompt": "a boat", "inputImages": ["a.png"]}),
            ("videoInference", {"positivePrompt": "a boat"}),
        ]:
            with self.subTest(name):
                error = self.failure(name, "engineNotConfigured", **arguments)
                self.assertIn("--runware-key-file", error["message"])
        self.assertEqual(self.success("listVideoModels")["total_providers"], 7)
        self.assertEqual(self.success("getVideoModelInfo", model_id="klingai:5@2")["supported_dimensions"]["width"], 1920)
        self.assertIn("klingai:5@1", self.failure("getVideoModelInfo", "modelUnavailable", model_id="klingai:5@9")["message"])
