"""Python's MediaPipe doing the studio's work: decode the file, find the faces, draw the mask, encode it.

Started once with the picture's path; the models stay loaded. Reads one kind a line (mesh, face_full, face_short) and
prints the seconds that one mask took and the share of the picture that it covers.
"""
import sys
import time

import cv2
import mediapipe as mp
import numpy as np

FACES = 6
CONFIDENCE = 0.25

mesh = mp.solutions.face_mesh.FaceMesh(
    static_image_mode=True, max_num_faces=FACES, min_detection_confidence=CONFIDENCE)
detectors = {
    "face_short": mp.solutions.face_detection.FaceDetection(model_selection=0, min_detection_confidence=CONFIDENCE),
    "face_full": mp.solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=CONFIDENCE),
}


def shapes(kind, picture):
    height, width = picture.shape[:2]
    size = np.array([width, height])
    if kind == "mesh":
        for face in mesh.process(picture).multi_face_landmarks or []:
            points = np.array([(p.x, p.y) for p in face.landmark]) * size
            yield cv2.convexHull(points.astype(np.int32))
        return
    for face in detectors[kind].process(picture).detections or []:
        box = face.location_data.relative_bounding_box
        x, y, w, h = (np.array([box.xmin, box.ymin, box.width, box.height]) * np.tile(size, 2)).astype(int)
        yield np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)])


def mask(kind, path):
    with open(path, "rb") as file:
        data = np.frombuffer(file.read(), np.uint8)
    picture = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    canvas = np.zeros(picture.shape[:2], np.uint8)
    for shape in shapes(kind, picture):
        cv2.fillPoly(canvas, [shape], 255)
    cv2.imencode(".png", canvas)
    return canvas


for line in sys.stdin:
    began = time.perf_counter()
    canvas = mask(line.strip(), sys.argv[1])
    taken = time.perf_counter() - began
    print(taken, np.count_nonzero(canvas) / canvas.size, flush=True)
