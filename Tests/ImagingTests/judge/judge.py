"""The independent judge of the masks: Google's own MediaPipe (PyPI mediapipe==0.10.21) on the same pictures.

    judge.py PICTURE[=MASK.png] …    what MediaPipe finds in each picture, and how well the mask fits its landmarks
    judge.py --time ROUNDS PICTURE   milliseconds (median) of the whole way in Python: decode, face mesh, hull, padding,
                                     blur, encode

Prints one finding a line, words apart by one space:

    PICTURE short|full SCORE X_MIN Y_MIN X_MAX Y_MAX
    PICTURE faces COUNT
    PICTURE iou VALUE
    time MILLISECONDS
"""
import functools
import statistics
import sys
import time

import cv2
import mediapipe as mp
import numpy as np

CONFIDENCE = 0.25
FACES = 6


def read(path):
    return cv2.cvtColor(cv2.imread(path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@functools.cache
def detector(selection):
    return mp.solutions.face_detection.FaceDetection(
        model_selection=selection, min_detection_confidence=CONFIDENCE)


def boxes(picture, selection):
    height, width = picture.shape[:2]
    for found in detector(selection).process(picture).detections or []:
        box = found.location_data.relative_bounding_box
        yield (found.score[0], box.xmin * width, box.ymin * height, (box.xmin + box.width) * width,
               (box.ymin + box.height) * height)


@functools.cache
def mesh():
    return mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=FACES, min_detection_confidence=CONFIDENCE)


def hull_mask(picture, found):
    """The union of the faces' convex hulls, drawn by OpenCV."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    for face in found.multi_face_landmarks or []:
        points = np.array([(p.x * width, p.y * height) for p in face.landmark], np.float32)
        cv2.fillConvexPoly(mask, np.rint(cv2.convexHull(points)).astype(np.int32), 255)
    return mask


def judge(argument):
    path, _, mask_path = argument.partition("=")
    name = path.rsplit("/", 1)[-1]
    picture = read(path)
    for kind, selection in (("short", 0), ("full", 1)):
        for found in boxes(picture, selection):
            print(name, kind, *(f"{float(value):.6f}" for value in found))
    found = mesh().process(picture)
    print(name, "faces", len(found.multi_face_landmarks or []))
    if mask_path:
        expected = hull_mask(picture, found) > 0
        given = cv2.imread(mask_path, cv2.IMREAD_GRAYSCALE)
        if given is None or given.shape != expected.shape:
            sys.exit(f"judge: {mask_path} is no mask of the size of {path}")
        both, either = np.logical_and(expected, given > 127).sum(), np.logical_or(expected, given > 127).sum()
        print(name, "iou", f"{both / either if either else 1.0:.6f}")


def clock(rounds, path):
    with open(path, "rb") as file:
        data = np.frombuffer(file.read(), np.uint8)
    spent = []
    for _ in range(rounds + 3):
        start = time.perf_counter()
        picture = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        mask = hull_mask(picture, mesh().process(picture))
        mask = cv2.dilate(mask, np.ones((9, 9), np.uint8))
        mask = cv2.GaussianBlur(mask, (0, 0), 4)
        cv2.imencode(".jpg", mask, [cv2.IMWRITE_JPEG_QUALITY, 95])
        spent.append((time.perf_counter() - start) * 1000)
    print("time", f"{statistics.median(spent[3:]):.3f}")


if len(sys.argv) == 4 and sys.argv[1] == "--time":
    clock(int(sys.argv[2]), sys.argv[3])
elif len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
    for argument in sys.argv[1:]:
        judge(argument)
else:
    sys.exit(__doc__)
