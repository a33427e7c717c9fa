"""The independent judge of parts of faces, hands and people, and of what OpenCV's own Python package makes of a picture.

    parts.py KIND:PICTURE=MASK …     how well a mask fits what MediaPipe (PyPI mediapipe==0.10.21) finds in the picture.
                                     KIND: face, eyes, nose, lips or several joined by +; hands; people
    parts.py canny:LOW,HIGH:PICTURE=EDGES            edges by cv2.Canny, the picture read as grey
    parts.py telea|ns:RADIUS:PICTURE,MASK=FILLED     filling by cv2.inpaint
    parts.py guide:RADIUS,EPS:PICTURE,MATTE=REFINED  the guided filter, written out with cv2.blur and numpy

Prints a line for each: `COUNT VALUE`, with the number of things found and intersection over union; or, for the others,
`0 VALUE` with the mean difference of the pixels, 0...255.
"""
import functools
import sys

import cv2
import mediapipe as mp
import numpy as np
from mediapipe.python.solutions import face_mesh_connections as lines

CONFIDENCE = 0.25
MOST = 6


def members(*groups):
    return sorted({index for group in groups for line in group for index in line})


PARTS = {"face": [list(range(468))], "eyes": [members(lines.FACEMESH_LEFT_EYE), members(lines.FACEMESH_RIGHT_EYE)],
         "nose": [members(lines.FACEMESH_NOSE)], "lips": [members(lines.FACEMESH_LIPS)]}


def read(path):
    return cv2.cvtColor(cv2.imread(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@functools.cache
def mesh():
    return mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=MOST, min_detection_confidence=CONFIDENCE)


@functools.cache
def hands():
    return mp.solutions.hands.Hands(
        static_image_mode=True, max_num_hands=MOST, min_detection_confidence=CONFIDENCE)


@functools.cache
def pose():
    return mp.solutions.pose.Pose(
        static_image_mode=True, enable_segmentation=True, min_detection_confidence=CONFIDENCE)


@functools.cache
def faces(path):
    picture = read(path)
    height, width = picture.shape[:2]
    found = mesh().process(picture).multi_face_landmarks or []
    return [np.array([(p.x * width, p.y * height) for p in face.landmark], np.float32) for face in found]


@functools.cache
def palms(path):
    picture = read(path)
    height, width = picture.shape[:2]
    found = hands().process(picture).multi_hand_landmarks or []
    return [np.array([(p.x * width, p.y * height) for p in hand.landmark], np.float32) for hand in found]


def expected(kind, path):
    """How many things there are, and their mask."""
    picture = read(path)
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    if kind == "people":
        found = pose().process(picture)
        if found.segmentation_mask is None:
            return 0, mask > 0
        return 1, found.segmentation_mask > 0.5
    if kind == "hands":
        for points in palms(path):
            low, high = points.min(axis=0), points.max(axis=0)
            flesh = (high - low).max() / 20
            (left, top), (right, bottom) = np.rint(low - flesh).astype(int), np.rint(high + flesh).astype(int)
            mask[max(0, top):bottom, max(0, left):right] = 255
        return len(palms(path)), mask > 0
    for points in faces(path):
        for part in kind.split("+"):
            for group in PARTS[part]:
                corners = np.rint(cv2.convexHull(points[group]) * 16).astype(np.int32)
                cv2.fillConvexPoly(mask, corners, 255, cv2.LINE_8, 4)
    return len(faces(path)), mask > 0


def guided(picture, matte, radius, eps):
    """He, Sun, Tang 2010, equations 18 to 20, windows cut off at the edge."""
    guide, values = picture.astype(np.float64) / 255, matte.astype(np.float64) / 255
    side = (2 * radius + 1, 2 * radius + 1)
    total = lambda x: cv2.boxFilter(x, cv2.CV_64F, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
    count = total(np.ones(values.shape))
    mean = lambda x: total(x) / (count if x.ndim == 2 else count[..., None])
    middle, average = mean(guide), mean(values)
    together = mean(guide * values[..., None]) - middle * average[..., None]
    spread = np.empty(values.shape + (3, 3))
    for i in range(3):
        for j in range(3):
            spread[..., i, j] = mean(guide[..., i] * guide[..., j]) - middle[..., i] * middle[..., j]
    slope = np.linalg.solve(spread + eps * np.eye(3), together[..., None])[..., 0]
    shift = average - (slope * middle).sum(axis=-1)
    return np.clip(np.rint(((mean(slope) * guide).sum(axis=-1) + mean(shift)) * 255), 0, 255)


def judge(argument):
    source, _, result = argument.partition("=")
    kind, _, path = source.partition(":")
    if kind in ("canny", "telea", "ns", "guide"):
        numbers, _, path = path.partition(":")
        numbers = [float(number) for number in numbers.split(",")]
        path, _, second = path.partition(",")
        given = cv2.imread(result, cv2.IMREAD_UNCHANGED)
        if kind == "canny":
            ours = cv2.Canny(cv2.imread(path, cv2.IMREAD_GRAYSCALE), *numbers)
        elif kind == "guide":
            ours = guided(read(path), cv2.imread(second, cv2.IMREAD_GRAYSCALE), int(numbers[0]), numbers[1])
        else:
            method = cv2.INPAINT_TELEA if kind == "telea" else cv2.INPAINT_NS
            ours = cv2.inpaint(cv2.imread(path), cv2.imread(second, cv2.IMREAD_GRAYSCALE), numbers[0], method)
        if ours.shape != given.shape:
            sys.exit(f"parts: {result} has the shape {given.shape}, not {ours.shape}")
        print(0, f"{np.abs(ours.astype(float) - given.astype(float)).mean():.6f}")
        return
    count, theirs = expected(kind, path)
    ours = cv2.imread(result, cv2.IMREAD_GRAYSCALE)
    if ours is None or ours.shape != theirs.shape:
        sys.exit(f"parts: {result} is no mask of the size of {path}")
    both, either = np.logical_and(theirs, ours > 127).sum(), np.logical_or(theirs, ours > 127).sum()
    print(count, f"{both / either if either else 1.0:.6f}")


if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
    sys.exit(__doc__)
for argument in sys.argv[1:]:
    judge(argument)
