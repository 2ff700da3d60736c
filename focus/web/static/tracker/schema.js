// Written by `python -m focus.web.tracking.tables` from focus/protocol (schema, codec, messages); not by hand.

export const PROTO = 1;
export const NAMESPACE = "/tracker";
export const MAGIC = "FOCB";
export const VERSION = 1;
export const HEADER_BYTES = 24;
export const FLAG_WIDE_TIMES = 1;
export const MAX_BATCH_BYTES = 262144;
export const MAX_FRAMES = 5000;
export const MAX_T_US = 9007199254740991;

export const COLUMNS = [
  {"name": "gaze_x", "bit": 0, "unit": "gaze space", "low": -400.0, "high": 400.0},
  {"name": "gaze_y", "bit": 1, "unit": "gaze space", "low": -400.0, "high": 400.0},
  {"name": "pupil_left", "bit": 2, "unit": "mm or the tracker's own", "low": 0.0, "high": 100000.0},
  {"name": "pupil_right", "bit": 3, "unit": "mm or the tracker's own", "low": 0.0, "high": 100000.0},
  {"name": "openness_left", "bit": 4, "unit": "ratio or mm", "low": -1.0, "high": 100.0},
  {"name": "openness_right", "bit": 5, "unit": "ratio or mm", "low": -1.0, "high": 100.0},
  {"name": "confidence", "bit": 6, "unit": "1", "low": 0.0, "high": 1.0},
  {"name": "head_yaw", "bit": 7, "unit": "deg", "low": -180.0, "high": 180.0},
  {"name": "head_pitch", "bit": 8, "unit": "deg", "low": -180.0, "high": 180.0},
  {"name": "head_roll", "bit": 9, "unit": "deg", "low": -180.0, "high": 180.0},
  {"name": "distance", "bit": 10, "unit": "mm", "low": 0.0, "high": 10000.0},
  {"name": "gaze_left_x", "bit": 11, "unit": "gaze space", "low": -400.0, "high": 400.0},
  {"name": "gaze_left_y", "bit": 12, "unit": "gaze space", "low": -400.0, "high": 400.0},
  {"name": "gaze_right_x", "bit": 13, "unit": "gaze space", "low": -400.0, "high": 400.0},
  {"name": "gaze_right_y", "bit": 14, "unit": "gaze space", "low": -400.0, "high": 400.0},
  {"name": "iris_left_x", "bit": 15, "unit": "eye widths", "low": -5.0, "high": 5.0},
  {"name": "iris_left_y", "bit": 16, "unit": "eye widths", "low": -5.0, "high": 5.0},
  {"name": "iris_right_x", "bit": 17, "unit": "eye widths", "low": -5.0, "high": 5.0},
  {"name": "iris_right_y", "bit": 18, "unit": "eye widths", "low": -5.0, "high": 5.0},
];
