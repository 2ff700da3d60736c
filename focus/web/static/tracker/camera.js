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

/**
 * The one camera that the page looks through. Whoever closes it, or wants another, while a camera is still being asked
 * for has the last word: what comes then is switched off at once, so that no camera is on that nobody looks through.
 */
export class Camera {
  #video;
  #onGone;
  #wish = 0; // number of the newest wish; an answer to an older one is not wanted any more

  /**
   * @param {HTMLVideoElement} video the preview
   * @param {() => void} onGone told when the camera ends by itself
   */
  constructor(video, onGone) {
    this.#video = video;
    this.#onGone = onGone;
    this.stream = null;
  }

  get track() {
    return this.stream.getVideoTracks()[0];
  }

  /** Look through this camera; false when something else was wanted meanwhile. TrackerTrouble when it cannot be had. */
  async open(deviceId) {
    this.close();
    const wish = this.#wish;
    const stream = await this.#ask(deviceId);
    if (wish !== this.#wish) {
      switchOff(stream);
      return false;
    }
    this.stream = stream;
    this.track.addEventListener("ended", () => this.#onGone());
    this.#video.srcObject = stream;
    await this.#video.play().catch((error) => { if (wish === this.#wish) throw error; });
    return wish === this.#wish;
  }

  close() {
    this.#wish += 1;
    if (this.stream) switchOff(this.stream);
    this.stream = null;
  }

  async #ask(deviceId) {
    try {
      return await openCamera(deviceId);
    } catch (error) {
      // The camera that was used last may be gone; the usual one will do.
      if (!deviceId || error.code !== "no-camera") throw error;
      return openCamera("");
    }
  }
}

function switchOff(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** Open a camera, the usual one without an id; TrackerTrouble when it cannot be had. */
async function openCamera(deviceId) {
  const video = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  if (deviceId) video.deviceId = { exact: deviceId };
  else video.facingMode = "user";
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    throw new TrackerTrouble(troubleOf(error), error.message);
  }
}
