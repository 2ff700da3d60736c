// A canvas that keeps its pixels sharp at any size and density of the screen.

export class SharpCanvas {
  constructor(element) {
    this.element = element;
    this.context = element.getContext("2d");
    this.width = 0;
    this.height = 0;
    this.ratio = 0;
    new ResizeObserver(() => this.#fit()).observe(element);
    this.#fit();
  }

  #fit() {
    const ratio = window.devicePixelRatio || 1;
    this.ratio = window.devicePixelRatio;
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    this.element.width = Math.round(this.width * ratio);
    this.element.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  clear() {
    // Another screen, or a zoomed page, has another density at the same size.
    if (this.ratio !== window.devicePixelRatio) this.#fit();
    this.context.clearRect(0, 0, this.width, this.height);
  }
}
