"""Writes tiny models with random weights in the layout of folders that Optimum exports for OpenVINO.

    folders.py FOLDER                   tiny-diffusion and tiny-captioner
    folders.py --encode FOLDER TEXT …   the numbers of texts by the tokenizer of tiny-diffusion, written out a second time

Plain Python: OpenVINO's intermediate representation (an XML file beside a file of weights) is written by hand.
"""
import json
import os
import random
import re
import struct
import sys
from xml.sax.saxutils import quoteattr

CHANCE = random.Random(11)
WIDTH = 8  # numbers a word
LENGTH = 12  # words a prompt
PRECISION = {"f32": "FP32", "i64": "I64"}


class Graph:
    """A network, layer by layer. SPEC: OpenVINO IR, version 11."""

    def __init__(self):
        self.layers, self.edges, self.weights = [], [], b""

    def add(self, kind, version, data, inputs, shape=None, precision="f32", name=None):
        """A layer; gives its number. `inputs` are numbers of layers. A side of -1 may have any length."""
        number = len(self.layers)
        for port, source in enumerate(inputs):
            self.edges.append((source, number, port))
        self.layers.append((kind, version, data, inputs, shape, precision, name or f"{kind}_{number}"))
        return number

    def parameter(self, name, shape, precision="f32"):
        text = ",".join("?" if side < 0 else str(side) for side in shape)
        return self.add("Parameter", "opset1", {"shape": text, "element_type": precision}, [], shape, precision, name)

    def const(self, shape, values, precision="f32"):
        raw = struct.pack(f"<{len(values)}{'f' if precision == 'f32' else 'q'}", *values)
        data = {"element_type": precision, "shape": ",".join(map(str, shape)), "offset": len(self.weights),
                "size": len(raw)}
        self.weights += raw
        return self.add("Const", "opset1", data, [], shape, precision)

    def random(self, shape, spread):
        count = 1
        for side in shape:
            count *= side
        return self.const(shape, [CHANCE.uniform(-spread, spread) for _ in range(count)])

    def convolution(self, source, kernel, shape):
        pad = "1,1" if kernel == 3 else "0,0"
        return lambda weights: self.add(
            "Convolution", "opset1", {"strides": "1,1", "dilations": "1,1", "pads_begin": pad, "pads_end": pad,
                                      "auto_pad": "explicit"}, [source, weights], shape)

    def result(self, source, name):
        self.layers[source] = self.layers[source][:6] + (name,)
        self.add("Result", "opset1", {}, [source])

    def write(self, path):
        def port(number, precision, shape, names=""):
            sides = "".join(f"<dim>{side}</dim>" for side in shape)
            label = f" names={quoteattr(names)}" if names else ""
            return f'<port id="{number}" precision="{PRECISION[precision]}"{label}>{sides}</port>'

        text = '<?xml version="1.0"?>\n<net name="tiny" version="11">\n<layers>\n'
        for number, (kind, version, data, inputs, shape, precision, name) in enumerate(self.layers):
            text += f'<layer id="{number}" name="{name}" type="{kind}" version="{version}">'
            if data:
                text += "<data " + " ".join(f"{key}={quoteattr(str(value))}" for key, value in data.items()) + "/>"
            if inputs:
                ports = [port(at, self.layers[source][5], self.layers[source][4]) for at, source in enumerate(inputs)]
                text += f"<input>{''.join(ports)}</input>"
            if shape is not None:
                text += f"<output>{port(len(inputs), precision, shape, name)}</output>"
            text += "</layer>\n"
        text += "</layers>\n<edges>\n"
        for source, target, at in self.edges:
            out = len(self.layers[source][3])
            text += f'<edge from-layer="{source}" from-port="{out}" to-layer="{target}" to-port="{at}"/>\n'
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text + "</edges>\n</net>\n")
        with open(path[:-3] + "bin", "wb") as file:
            file.write(self.weights)


def words(vocabulary, length, path, parameter="input_ids"):
    """Each number becomes a row of its own."""
    graph = Graph()
    numbers = graph.parameter(parameter, [1, length], "i64")
    table, axis = graph.random([vocabulary, WIDTH], 1), graph.const([], [0], "i64")
    rows = graph.add("Gather", "opset8", {"batch_dims": 0}, [table, numbers, axis], [1, length, WIDTH])
    graph.result(rows, "last_hidden_state")
    graph.write(path)


def denoiser(path):
    """A convolution of the latents, moved by the prompt's meaning and, a little, by the time."""
    graph = Graph()
    any_size = [1, 4, -1, -1]
    sample = graph.parameter("sample", any_size)
    time = graph.parameter("timestep", [1], "i64")
    meaning = graph.parameter("encoder_hidden_states", [1, LENGTH, WIDTH])
    blurred = graph.convolution(sample, 3, any_size)(graph.random([4, 4, 3, 3], 0.15))
    mean = graph.add("ReduceMean", "opset1", {"keep_dims": "false"}, [meaning, graph.const([1], [1], "i64")], [1, WIDTH])
    moved = graph.add("MatMul", "opset1", {"transpose_a": "false", "transpose_b": "false"},
                      [mean, graph.random([WIDTH, 4], 2)], [1, 4])
    moved = graph.add("Reshape", "opset1", {"special_zero": "false"},
                      [moved, graph.const([4], [1, 4, 1, 1], "i64")], [1, 4, 1, 1])
    time = graph.add("Convert", "opset1", {"destination_type": "f32"}, [time], [1])
    time = graph.add("Multiply", "opset1", {"auto_broadcast": "numpy"}, [time, graph.const([1], [1e-4])], [1])
    total = graph.add("Add", "opset1", {"auto_broadcast": "numpy"}, [blurred, moved], any_size)
    total = graph.add("Add", "opset1", {"auto_broadcast": "numpy"}, [total, time], any_size)
    graph.result(total, "out_sample")
    graph.write(path)


def decoder(path):
    graph = Graph()
    latents = graph.parameter("latent_sample", [1, 4, -1, -1])
    planes = graph.convolution(latents, 3, [1, 192, -1, -1])(graph.random([192, 4, 3, 3], 0.03))
    large = graph.add("DepthToSpace", "opset1", {"mode": "depth_first", "block_size": 8}, [planes], [1, 3, -1, -1])
    graph.result(graph.add("Tanh", "opset1", {}, [large], [1, 3, -1, -1]), "sample")
    graph.write(path)


def encoder(path):
    graph = Graph()
    picture = graph.parameter("sample", [1, 3, -1, -1])
    deep = graph.add("SpaceToDepth", "opset1", {"mode": "depth_first", "block_size": 8}, [picture], [1, 192, -1, -1])
    graph.result(graph.convolution(deep, 1, [1, 8, -1, -1])(graph.random([8, 192, 1, 1], 0.1)), "latent_parameters")
    graph.write(path)


# --- The tokenizer

def visible():
    """Bytes as characters that can be seen. SPEC: GPT-2's bytes_to_unicode."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in kept]
    return {byte: chr(byte) for byte in kept} | {byte: chr(256 + at) for at, byte in enumerate(others)}


MERGES = ["c a", "ca t</w>", "t h", "th e</w>", "d o", "do g</w>", "a t</w>", "o n</w>", "m a", "ma t</w>", "Ã ¤", "i n", "in g</w>"]


def vocabulary():
    letters = [visible()[byte] for byte in range(256)]
    pieces = letters + [letter + "</w>" for letter in letters] + [merge.replace(" ", "") for merge in MERGES]
    return {piece: at for at, piece in enumerate(pieces + ["<|startoftext|>", "<|endoftext|>"])}


def encode(text):
    """CLIP's own way: the same rules as ours, in other words."""
    numbers, ranks, letters = vocabulary(), {tuple(m.split()): at for at, m in enumerate(MERGES)}, visible()
    pattern = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+"
    found = [numbers["<|startoftext|>"]]
    for word in re.findall(pattern, " ".join(text.lower().split())):
        parts = [letters[byte] for byte in word.encode()]
        parts[-1] += "</w>"
        while len(parts) > 1:
            pairs = [(ranks.get((a, b), 10**9), at) for at, (a, b) in enumerate(zip(parts, parts[1:]))]
            rank, at = min(pairs)
            if rank == 10**9:
                break
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        found += [numbers[part] for part in parts]
    found = found[:LENGTH - 1] + [numbers["<|endoftext|>"]]
    return found + [numbers["<|endoftext|>"]] * (LENGTH - len(found))


def save(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(value, file) if not isinstance(value, str) else file.write(value)


def diffusion(folder):
    save(f"{folder}/model_index.json", {"_class_name": "StableDiffusionPipeline", "unet": ["x", "y"]})
    save(f"{folder}/tokenizer/vocab.json", vocabulary())
    save(f"{folder}/tokenizer/merges.txt", "#version: 0.2\n" + "\n".join(MERGES) + "\n")
    save(f"{folder}/tokenizer/tokenizer_config.json", {"model_max_length": LENGTH, "pad_token": "<|endoftext|>"})
    save(f"{folder}/scheduler/scheduler_config.json", {
        "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000, "prediction_type": "epsilon", "steps_offset": 1, "set_alpha_to_one": False})
    save(f"{folder}/vae_decoder/config.json", {"scaling_factor": 0.5})
    words(len(vocabulary()), LENGTH, f"{folder}/text_encoder/openvino_model.xml")
    denoiser(f"{folder}/unet/openvino_model.xml")
    decoder(f"{folder}/vae_decoder/openvino_model.xml")
    encoder(f"{folder}/vae_encoder/openvino_model.xml")


def captioner(folder):
    """Says the same of every picture: each word leads to the next, whatever is seen."""
    letters = visible()
    said = ["a", "Ġcat", "Ġon", "Ġa", "Ġmat", "<|endoftext|>"]
    pieces = ["<|endoftext|>"] + said[:-1] + [letters[byte] for byte in range(256)]
    numbers = {piece: at for at, piece in enumerate(pieces)}
    save(f"{folder}/config.json", {
        "model_type": "vision-encoder-decoder", "decoder_start_token_id": 0, "eos_token_id": 0,
        "encoder": {"image_size": 32}})
    save(f"{folder}/preprocessor_config.json", {
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": {"height": 32, "width": 32}})
    save(f"{folder}/vocab.json", numbers)
    save(f"{folder}/merges.txt", "#version: 0.2\nĠ c\n")
    graph = Graph()
    picture = graph.parameter("pixel_values", [1, 3, 32, 32])
    planes = graph.convolution(picture, 1, [1, WIDTH, 32, 32])(graph.random([WIDTH, 3, 1, 1], 0.1))
    rows = graph.add("Reshape", "opset1", {"special_zero": "false"},
                     [planes, graph.const([3], [1, -1, WIDTH], "i64")], [1, 1024, WIDTH])
    graph.result(rows, "last_hidden_state")
    graph.write(f"{folder}/openvino_encoder_model.xml")
    count = len(pieces)
    table = [-10.0] * (count * count)
    for before, after in zip(["<|endoftext|>"] + said[:-1], said):
        table[numbers[before] * count + numbers[after]] = 10.0
    graph = Graph()
    numbers_in = graph.parameter("input_ids", [1, -1], "i64")
    meaning = graph.parameter("encoder_hidden_states", [1, -1, WIDTH])
    rows = graph.add("Gather", "opset8", {"batch_dims": 0},
                     [graph.const([count, count], table), numbers_in, graph.const([], [0], "i64")], [1, -1, count])
    mean = graph.add("ReduceMean", "opset1", {"keep_dims": "true"},
                     [meaning, graph.const([2], [1, 2], "i64")], [1, 1, 1])
    graph.result(graph.add("Add", "opset1", {"auto_broadcast": "numpy"}, [rows, mean], [1, -1, count]), "logits")
    graph.write(f"{folder}/openvino_decoder_model.xml")


if __name__ == "__main__":
    if len(sys.argv) > 3 and sys.argv[1] == "--encode":
        for text in sys.argv[3:]:
            print(*encode(text))
    elif len(sys.argv) == 2:
        diffusion(f"{sys.argv[1]}/tiny-diffusion")
        captioner(f"{sys.argv[1]}/tiny-captioner")
    else:
        sys.exit(__doc__)
