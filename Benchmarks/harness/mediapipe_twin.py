"""Python's MediaPipe doing the studio's work: decode the file, find things, draw the mask, encode it.

    mediapipe_twin.py                        models stay loaded
    mediapipe_twin.py --scale SIDE PICTURE TARGET    writes the picture, SIDE × SIDE pixels, as a JPEG file

Reads lines of one kind (mesh, face_full, face_short, hands, people) and a picture's path, apart by a space, and prints the
seconds that one mask took and the share of the picture that it covers.
"""
import functools
import sys
import time

import cv2
import mediapipe as mp
import numpy as np

FOUND = 6
CONFIDENCE = 0.25
SOLUTIONS = {
    "mesh": lambda: mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=FOUND, min_detection_confidence=CONFIDENCE),
    "face_short": lambda: mp.solutions.face_detection.FaceDetection(
        model_selection=0, min_detection_confidence=CONFIDENCE),
    "face_full": lambda: mp.solutions.face_detection.FaceDetection(
        model_selection=1, min_detection_confidence=CONFIDENCE),
    "hands": lambda: mp.solutions.hands.Hands(
        static_image_mode=True, max_num_hands=FOUND, min_detection_confidence=CONFIDENCE),
    "people": lambda: mp.solutions.pose.Pose(
        static_image_mode=True, enable_segmentation=True, min_detection_confidence=CONFIDENCE),
}


@functools.cache
def solution(kind):
    return SOLUTIONS[kind]()


def draw(kind, picture, canvas):
    height, width = picture.shape[:2]
    size = np.array([width, height])
    found = solution(kind).process(picture)
    if kind == "people":
        if found.segmentation_mask is not None:
            canvas[found.segmentation_mask > 0.5] = 255
    elif kind == "mesh":
        for face in found.multi_face_landmarks or []:
            points = np.array([(p.x, p.y) for p in face.landmark]) * size
            cv2.fillPoly(canvas, [cv2.convexHull(points.astype(np.int32))], 255)
    elif kind == "hands":
        for hand in found.multi_hand_landmarks or []:
            points = np.array([(p.x, p.y) for p in hand.landmark]) * size
            low, high = points.min(axis=0), points.max(axis=0)
            flesh = (high - low).max() / 20
            (left, top), (right, bottom) = (low - flesh).astype(int).clip(0), (high + flesh).astype(int).clip(0)
            canvas[top:bottom, left:right] = 255
    else:
        for face in found.detections or []:
            box = face.location_data.relative_bounding_box
            x, y, w, h = (np.array([box.xmin, box.ymin, box.width, box.height]) * np.tile(size, 2)).astype(int)
            canvas[max(0, y):y + h, max(0, x):x + w] = 255


def mask(kind, path):
    with open(path, "rb") as file:
        data = np.frombuffer(file.read(), np.uint8)
    picture = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    canvas = np.zeros(picture.shape[:2], np.uint8)
    draw(kind, picture, canvas)
    cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return canvas


def scale(side, source, target):
    picture = cv2.imread(source)
    height, width = picture.shape[:2]
    bar = max(height, width)
    picture = cv2.copyMakeBorder(picture, 0, bar - height, 0, bar - width, cv2.BORDER_REPLICATE)
    cv2.imwrite(target, cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if side < bar else cv2.INTER_CUBIC),
                [cv2.IMWRITE_JPEG_QUALITY, 92])


if sys.argv[1:2] == ["--scale"]:
    scale(int(sys.argv[2]), sys.argv[3], sys.argv[4])
    sys.exit()
for line in sys.stdin:
    kind, path = line.strip().split(" ", 1)
    began = time.perf_counter()
    canvas = mask(kind, path)
    taken = time.perf_counter() - began
    print(taken, np.count_nonzero(canvas) / canvas.size, flush=True)
