// @ts-check
// The samples of a section drawn by the graphics processor: the samples and a table of colours are textures.

/** @typedef {import("./samples.js").Level} Level */

/** Side of a tile: every WebGL 2 has textures of this size. Neighbours share a border for the interpolation. */
const TILE = 2048;
const INNER = TILE - 2;
const MOST_BYTES = 256e6;
/** Names of renderers that need no graphics processor, for browsers that do not report a caveat. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

const CORNERS = `#version 300 es
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }`;
// Colours are interpolated and not samples, as a canvas does it, so that both draw the same pixels.
const COLOURS = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D samples, table;
uniform vec2 offset, scale, first, last; // in samples of the tile
uniform ivec2 size;
uniform bool hasTable, isSmooth;
out vec4 pixel;
vec4 colour(ivec2 at) {
  uint code = texelFetch(samples, clamp(at, ivec2(0), size - 1), 0).r;
  if (hasTable) code = texelFetch(table, ivec2(code & 255u, code >> 8), 0).r;
  vec4 parts = vec4(code & 255u, (code >> 8) & 255u, (code >> 16) & 255u, code >> 24) / 255.0;
  return vec4(parts.rgb * parts.a, parts.a);
}
void main() {
  vec2 at = offset + scale * gl_FragCoord.xy;
  if (any(lessThan(at, first)) || any(greaterThanEqual(at, last))) discard;
  if (!isSmooth) { pixel = colour(ivec2(floor(at))); return; }
  ivec2 near = ivec2(floor(at - 0.5));
  vec2 share = at - 0.5 - vec2(near);
  vec4 above = mix(colour(near), colour(near + ivec2(1, 0)), share.x);
  pixel = mix(above, mix(colour(near + ivec2(0, 1)), colour(near + 1), share.x), share.y);
}`;

/** A canvas that WebGL 2 draws levels of sections on. */
export class WebglSurface {
  /** @type {Map<Level["data"], Map<string, {texture: WebGLTexture, bytes: number}>>} The level drawn last is the last. */
  #tiles = new Map();
  #bytes = 0;
  /** @type {Record<string, WebGLUniformLocation | null>} */ #uniforms = {};

  /**
   * Return a surface; null where the browser has no WebGL 2, or draws it without a graphics processor.
   * @param {boolean} [isSoftware] whether drawing without a graphics processor will do
   * @returns {WebglSurface | null}
   */
  static open(isSoftware = false) {
    const canvas = document.createElement("canvas");
    const options = { antialias: false, depth: false, failIfMajorPerformanceCaveat: !isSoftware };
    const gl = /** @type {WebGL2RenderingContext | null} */ (canvas.getContext("webgl2", options));
    if (!gl) return null;
    const renderer = gl.getParameter(
      gl.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER,
    );
    return isSoftware || !SOFTWARE.test(renderer) ? new WebglSurface(canvas, gl) : null;
  }

  /** @param {HTMLCanvasElement} canvas @param {WebGL2RenderingContext} gl */
  constructor(canvas, gl) {
    this.canvas = canvas;
    this.gl = gl;
    const program = gl.createProgram();
    for (const [kind, text] of /** @type {[number, string][]} */ ([
      [gl.VERTEX_SHADER, CORNERS],
      [gl.FRAGMENT_SHADER, COLOURS],
    ])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    for (const name of ["offset", "scale", "first", "last", "size", "hasTable", "isSmooth", "samples", "table"]) {
      this.#uniforms[name] = gl.getUniformLocation(program, name);
    }
    gl.uniform1i(this.#uniforms.samples, 0);
    gl.uniform1i(this.#uniforms.table, 1);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.enable(gl.SCISSOR_TEST);
    gl.activeTexture(gl.TEXTURE1);
    this.#bind(gl.createTexture());
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.R32UI, 256, 256);
    gl.activeTexture(gl.TEXTURE0);
  }

  /**
   * Draw a level on a part of the canvas; false where the context is lost.
   * @param {Level} level
   * @param {{x: number, y: number, scaleX: number, scaleY: number}} place the position in the level at the upper left
   *   corner of the canvas, and the samples for each pixel
   * @param {{left: number, top: number, right: number, bottom: number}} part in pixels
   * @param {Uint32Array | null} table @param {boolean} isSmooth
   * @returns {boolean}
   */
  draw(level, { x, y, scaleX, scaleY }, { left, top, right, bottom }, table, isSmooth) {
    const { gl, canvas } = this;
    if (canvas.width < right || canvas.height < bottom) {
      [canvas.width, canvas.height] = [Math.max(right, canvas.width), Math.max(bottom, canvas.height)];
      gl.viewport(0, 0, canvas.width, canvas.height);
    }
    // Rows of WebGL count from below.
    gl.scissor(left, canvas.height - bottom, right - left, bottom - top);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform1i(this.#uniforms.hasTable, table ? 1 : 0);
    gl.uniform1i(this.#uniforms.isSmooth, isSmooth ? 1 : 0);
    if (table) {
      gl.activeTexture(gl.TEXTURE1);
      gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, 256, table.length / 256, gl.RED_INTEGER, gl.UNSIGNED_INT, table);
      gl.activeTexture(gl.TEXTURE0);
    }
    gl.uniform2f(this.#uniforms.scale, scaleX, -scaleY);
    const tilesOf = (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ n) => {
      const [low, high] = [from, to].map((at) => Math.floor(Math.max(0, Math.min(n - 1, at)) / INNER));
      return Array.from({ length: high - low + 1 }, (_, i) => low + i);
    };
    for (const row of tilesOf(y + top * scaleY, y + bottom * scaleY, level.height)) {
      for (const column of tilesOf(x + left * scaleX, x + right * scaleX, level.width)) {
        const [x0, y0] = [column, row].map((at) => Math.max(0, at * INNER - 1));
        const size = [Math.min(TILE, level.width - x0), Math.min(TILE, level.height - y0)];
        const first = [column * INNER - x0, row * INNER - y0];
        this.#bind(this.#tile(level, x0, y0, size));
        gl.uniform2i(this.#uniforms.size, size[0], size[1]);
        gl.uniform2f(this.#uniforms.first, first[0], first[1]);
        gl.uniform2f(this.#uniforms.last, Math.min(size[0], first[0] + INNER), Math.min(size[1], first[1] + INNER));
        gl.uniform2f(this.#uniforms.offset, x - x0, y - y0 + canvas.height * scaleY);
        gl.drawArrays(gl.TRIANGLES, 0, 3);
      }
    }
    this.#dropOld(level);
    return !gl.isContextLost();
  }

  /** @param {Level} level @param {number} left @param {number} top @param {number[]} size */
  #tile({ data, width: stride }, left, top, [width, height]) {
    const { gl } = this;
    const tiles = this.#tiles.get(data) ?? new Map();
    this.#tiles.delete(data);
    this.#tiles.set(data, tiles);
    const key = `${left},${top}`;
    if (!tiles.has(key)) {
      const [format, type] = {
        1: [gl.R8UI, gl.UNSIGNED_BYTE],
        2: [gl.R16UI, gl.UNSIGNED_SHORT],
        4: [gl.R32UI, gl.UNSIGNED_INT],
      }[data.BYTES_PER_ELEMENT] ?? [0, 0];
      const texture = gl.createTexture();
      this.#bind(texture);
      gl.pixelStorei(gl.UNPACK_ROW_LENGTH, stride);
      gl.texImage2D(gl.TEXTURE_2D, 0, format, width, height, 0, gl.RED_INTEGER, type, data, top * stride + left);
      gl.pixelStorei(gl.UNPACK_ROW_LENGTH, 0);
      const bytes = width * height * data.BYTES_PER_ELEMENT;
      tiles.set(key, { texture, bytes });
      this.#bytes += bytes;
    }
    return tiles.get(key).texture;
  }

  /** @param {WebGLTexture | null} texture */
  #bind(texture) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST);
  }

  /** Free the levels that were drawn longest ago, beyond the memory that this may take. @param {Level} current */
  #dropOld(current) {
    for (const [data, tiles] of this.#tiles) {
      if (this.#bytes < MOST_BYTES || data === current.data) return;
      for (const { texture, bytes } of tiles.values()) {
        this.gl.deleteTexture(texture);
        this.#bytes -= bytes;
      }
      this.#tiles.delete(data);
    }
  }
}
