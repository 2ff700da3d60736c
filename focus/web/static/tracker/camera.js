// The camera: which there are, opening one, and what its refusals mean.

const TROUBLE_OF_ERROR = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "no-camera",
  DevicesNotFoundError: "no-camera",
  OverconstrainedError: "no-camera",
  NotReadableError: "camera-taken",
  TrackStartError: "camera-taken",
  AbortError: "camera-taken",
};

/** A trouble that the page has words for. */
export class TrackerTrouble extends Error {
  constructor(code, message = "") {
    super(message || code);
    this.code = code;
  }
}

/** What a refused camera is called on the page. */
export function troubleOf(error) {
  return TROUBLE_OF_ERROR[error?.name] ?? "camera-taken";
}

/** The cameras of this machine; names are known once one was allowed. */
export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((device) => device.kind === "videoinput");
}

/** Open a camera, the usual one without an id; TrackerTrouble when it cannot be had. */
export async function openCamera(deviceId) {
  const video = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  if (deviceId) video.deviceId = { exact: deviceId };
  else video.facingMode = "user";
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    throw new TrackerTrouble(troubleOf(error), error.message);
  }
}
