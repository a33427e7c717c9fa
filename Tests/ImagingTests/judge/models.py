"""Writes tiny models as ONNX files, in the layouts of those that users bring, with weights whose effect is known.

    models.py FOLDER

Plain Python: the few parts of ONNX's protocol buffers that are needed are written out by hand.
"""
import random
import struct
import sys


# --- Protocol buffers. SPEC: onnx.proto3 (field numbers), protobuf encoding (wire types 0 and 2)

def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, shape, values, kind="f"):
    """`kind`: f for floats, q for 64-bit integers."""
    raw = struct.pack(f"<{len(values)}{kind}", *values)
    return b"".join(number(1, side) for side in shape) + number(2, 1 if kind == "f" else 7) + block(8, name) + block(9, raw)


def node(operation, inputs, outputs, **attributes):
    data = b"".join(block(1, name) for name in inputs) + b"".join(block(2, name) for name in outputs)
    data += block(4, operation)
    for name, value in attributes.items():
        if isinstance(value, float):
            inner = varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
        elif isinstance(value, int):
            inner = number(3, value) + number(20, 2)
        elif isinstance(value, str):
            inner = block(4, value) + number(20, 3)
        else:
            inner = b"".join(number(8, item) for item in value) + number(20, 7)
        data += block(5, block(1, name) + inner)
    return data


def port(name, shape, kind=1):
    """`kind`: 1 for floats, 7 for 64-bit integers. A side that is a word may have any length."""
    sides = b"".join(block(1, block(2, side) if isinstance(side, str) else number(1, side)) for side in shape)
    return block(1, name) + block(2, block(1, number(1, kind) + block(2, sides)))


def model(nodes, inputs, outputs, tensors=()):
    graph = b"".join(block(1, item) for item in nodes) + block(2, "tiny")
    graph += b"".join(block(5, item) for item in tensors)
    graph += b"".join(block(11, item) for item in inputs) + b"".join(block(12, item) for item in outputs)
    return number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 17))


# --- The models

def enlarging(height, width):
    """Twice as large: each new pixel is the old one with a touch of its neighbours, another touch for each of the four."""
    chance = random.Random(7)
    weights = []
    for colour in range(3):
        for _ in range(4):
            for source in range(3):
                kernel = [chance.uniform(-0.06, 0.06) for _ in range(9)] if source == colour else [0.0] * 9
                if source == colour:
                    kernel[4] += 1 - sum(kernel)
                weights += kernel
    return model(
        [node("Conv", ["picture", "weights"], ["planes"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
         node("DepthToSpace", ["planes"], ["large"], blocksize=2, mode="CRD")],
        [port("picture", [1, 3, height, width])], [port("large", [1, 3, "h", "w"])],
        [tensor("weights", [12, 3, 3, 3], weights)])


def filling(side):
    """Fills the hole with the mean colour of the rest; 0...255 out, as the best-known export of LaMa has it."""
    return model(
        [node("Sub", ["one", "mask"], ["rest"]), node("Mul", ["image", "rest"], ["known"]),
         node("ReduceMean", ["known"], ["sum"], axes=[2, 3]), node("ReduceMean", ["rest"], ["share"], axes=[2, 3]),
         node("Div", ["sum", "share"], ["mean"]), node("Mul", ["mean", "mask"], ["made"]),
         node("Add", ["known", "made"], ["whole"]), node("Mul", ["whole", "most"], ["output"])],
        [port("image", [1, 3, side, side]), port("mask", [1, 1, side, side])], [port("output", [1, 3, side, side])],
        [tensor("one", [1], [1.0]), tensor("most", [1], [255.0])])


def red(side, logits, mean, deviation):
    """What is red is in front. `logits`: before the logistic function, one output; else after it, two outputs."""
    # Undoes the mean and the deviation, then takes red less the mean of the others.
    rows = [deviation[0] * 20, -deviation[1] * 10, -deviation[2] * 10]
    bias = 20 * mean[0] - 10 * mean[1] - 10 * mean[2] - 4
    nodes = [node("Conv", ["input", "weights", "bias"], ["logits" if not logits else "output"], kernel_shape=[1, 1])]
    outputs = [port("output", [1, 1, side, side])]
    if not logits:
        nodes += [node("Sigmoid", ["logits"], ["output"]), node("Mul", ["output", "output"], ["second"])]
        outputs += [port("second", [1, 1, side, side])]
    return model(nodes, [port("input", [1, 3, side, side])], outputs,
                 [tensor("weights", [1, 3, 1, 1], rows), tensor("bias", [1], [bias])])


def candidates(segments):
    """A detector of side 64 that sees two things wherever it looks, one of them twice, and many that are unlikely."""
    columns = 84
    rows = [[0.0] * columns for _ in range(9 if segments else 5)]
    found = [(20, 24, 16, 20, 0.9), (21, 24, 16, 20, 0.8), (46, 40, 12, 16, 0.6)]
    for index, values in enumerate(found):
        for row, value in enumerate(values):
            rows[row][10 * index + 3] = float(value)
    for column in range(columns):
        if rows[4][column] == 0:
            rows[0][column], rows[1][column], rows[2][column], rows[3][column], rows[4][column] = 60, 32, 6, 6, 0.01
    # The first plane is 1 in the left half of the square, else -1; the second in the upper half.
    planes = [[4.0 if x < 8 else -4.0 for y in range(16) for x in range(16)],
              [4.0 if y < 8 else -4.0 for y in range(16) for x in range(16)], [0.0] * 256, [0.0] * 256]
    tensors = [tensor("table", [1, len(rows), columns], [value for row in rows for value in row]),
               tensor("zero", [1], [0.0])]
    nodes = [node("ReduceMean", ["images"], ["light"], keepdims=0), node("Mul", ["light", "zero"], ["nothing"])]
    outputs = [port("output0", [1, len(rows), columns])]
    if segments:
        rows[5][3] = rows[5][13] = 1.0
        rows[6][23] = -1.0
        tensors[0] = tensor("table", [1, len(rows), columns], [value for row in rows for value in row])
        tensors.append(tensor("planes", [1, 4, 16, 16], [value for plane in planes for value in plane]))
        nodes.append(node("Add", ["planes", "nothing"], ["output1"]))
        outputs.append(port("output1", [1, 4, 16, 16]))
    nodes.append(node("Add", ["table", "nothing"], ["output0"]))
    return model(nodes, [port("images", [1, 3, 64, 64])], outputs, tensors)


IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
MODELS = {
    "enlarge-any": lambda: enlarging("height", "width"), "enlarge-48": lambda: enlarging(48, 48),
    "lama": lambda: filling(64), "u2net": lambda: red(32, False, *IMAGENET), "birefnet": lambda: red(64, True, *IMAGENET),
    "isnet": lambda: red(64, True, (0.5, 0.5, 0.5), (1, 1, 1)), "yolo": lambda: candidates(False),
    "yolo-seg": lambda: candidates(True),
}

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name, make in MODELS.items():
        with open(f"{sys.argv[1]}/{name}.onnx", "wb") as file:
            file.write(make())
