// @ts-check
/** Boxes on the graphics card: one draw call for all of them, their faces in one texture of bytes. */

/** @typedef {import("./boxes.js").Box} Box @typedef {import("./boxes.js").Volumes} Volumes */

const CELL = 64; // places a side of a face, at most; see volumes.py
const NUMBERS = 14; // of a box: low, size, first cell, state, sizes of three faces

const VERTEX = `#version 300 es
layout(location=0) in vec4 corner; // 0 or 1 along each axis, and the face: 0 front, 1 side, 2 top
layout(location=1) in vec3 low;
layout(location=2) in vec3 size;
layout(location=3) in vec2 about; // first cell, state
layout(location=4) in vec2 front;
layout(location=5) in vec2 side;
layout(location=6) in vec2 top;
uniform mat4 view;
uniform int across;
out vec2 place; flat out vec2 places; flat out ivec2 origin; flat out int state;
void main() {
  gl_Position = view * vec4(low + corner.xyz * size, 1.0);
  int face = int(corner.w);
  place = face == 0 ? vec2(corner.x, 1.0 - corner.y) : face == 1 ? vec2(1.0 - corner.z, 1.0 - corner.y) : vec2(corner.x, 1.0 - corner.z);
  places = face == 0 ? front : face == 1 ? side : top;
  int cell = int(about.x) + face;
  origin = ivec2(cell % across, cell / across) * ${CELL};
  state = int(about.y);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec2 place; flat in vec2 places; flat in ivec2 origin; flat in int state;
uniform highp sampler2D values;
uniform vec3 edge, accent, missing;
uniform float ratio;
out vec4 colour;
vec3 at(vec2 where) {
  ivec2 texel = origin + ivec2(clamp(floor(where * places), vec2(0.0), places - 1.0));
  float value = floor(texelFetch(values, texel, 0).r * 255.0 + 0.5);
  return value < 0.5 ? missing : vec3((value - 1.0) / 254.0);
}
void main() {
  if (state == 3) { colour = vec4(edge, 1.0); return; }
  vec2 dx = dFdx(place), dy = dFdy(place);
  vec3 sum;
  if (dot(abs(dx) + abs(dy), places) < 0.5) sum = at(place); // places larger than pixels
  else {
    vec2 right = dx * 0.25, down = dy * 0.25;
    sum = 0.25 * (at(place + right + down) + at(place + right - down) + at(place - right + down) + at(place - right - down));
  }
  vec2 pixels = min(place, 1.0 - place) / max(abs(dx) + abs(dy), vec2(1e-6));
  float wide = (state == 2 ? 3.0 : state == 1 ? 2.0 : 1.0) * ratio;
  float line = 1.0 - smoothstep(wide - 0.5, wide + 0.5, min(pixels.x, pixels.y));
  colour = vec4(mix(sum, state > 0 ? accent : edge, line), 1.0);
}`;

export class Scene {
  /** Throws where the browser has no WebGL 2. @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: true, premultipliedAlpha: true });
    if (!gl) throw new Error("no WebGL 2");
    this.gl = gl;
    this.count = 0;
    const program = this.program = linked(gl);
    gl.useProgram(program);
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(0, 0, 0, 0);
    this.places = Object.fromEntries(["view", "across", "edge", "accent", "missing", "ratio"].map((name) => [name, gl.getUniformLocation(program, name)]));
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, CUBE, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, 0, 0);
    this.buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    [[1, 3, 0], [2, 3, 3], [3, 2, 6], [4, 2, 8], [5, 2, 10], [6, 2, 12]].forEach(([place, length, start]) => {
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, length, gl.FLOAT, false, 4 * NUMBERS, 4 * start);
      gl.vertexAttribDivisor(place, 1);
    });
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    this.across = Math.floor(Math.min(4096, gl.getParameter(gl.MAX_TEXTURE_SIZE)) / CELL);
  }

  /** How many layers there is room for. */
  get room() { return Math.floor((this.across * this.across) / 3); }

  /** The values of the faces. @param {Volumes} volumes */
  load(volumes) {
    const { gl, across } = this, wide = across * CELL;
    const faces = volumes.faces.slice(0, this.room).flat();
    const high = Math.max(1, Math.ceil(faces.length / across)) * CELL, pixels = new Uint8Array(wide * high);
    faces.forEach((face, cell) => {
      const start = Math.floor(cell / across) * CELL * wide + (cell % across) * CELL;
      for (let row = 0; row < face.rows; row++)
        pixels.set(face.values.subarray(row * face.columns, (row + 1) * face.columns), start + row * wide);
    });
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, wide, high, 0, gl.RED, gl.UNSIGNED_BYTE, pixels);
    this.volumes = volumes;
  }

  /** Where the boxes stand, and what joins one to the next. @param {Box[]} boxes @param {number[][]} lines */
  place(boxes, lines) {
    const wires = lines.flatMap((line) => line.slice(1).map((at, before) => wire(boxes[line[before]], boxes[at])));
    this.count = boxes.length + wires.length;
    this.numbers = new Float32Array(this.count * NUMBERS);
    [...boxes, ...wires].forEach(({ low, size }, at) => {
      const faces = this.volumes?.faces[at], sizes = faces && at < boxes.length ? faces.flatMap((face) => [face.columns, face.rows]) : [1, 1, 1, 1, 1, 1];
      /** @type {Float32Array} */ (this.numbers).set([...low, ...size, 3 * at, at < boxes.length ? 0 : 3, ...sizes], at * NUMBERS);
    });
    this.boxes = boxes.length;
  }

  /**
   * @param {Float32Array} view
   * @param {{chosen: number, pointed: number, edge: number[], accent: number[], missing: number[], ratio: number}} how
   */
  draw(view, { chosen, pointed, edge, accent, missing, ratio }) {
    const { gl, numbers, places } = this;
    if (!numbers || gl.isContextLost()) return;
    for (let at = 0; at < (this.boxes ?? 0); at++) numbers[at * NUMBERS + 7] = at === chosen ? 2 : at === pointed ? 1 : 0;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.bufferData(gl.ARRAY_BUFFER, numbers, gl.DYNAMIC_DRAW);
    gl.uniformMatrix4fv(places.view, false, view);
    gl.uniform1i(places.across, this.across);
    gl.uniform3fv(places.edge, edge);
    gl.uniform3fv(places.accent, accent);
    gl.uniform3fv(places.missing, missing);
    gl.uniform1f(places.ratio, ratio);
    gl.drawArraysInstanced(gl.TRIANGLES, 0, 36, this.count);
  }

  /** Gives the card's memory back. */
  close() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

/** The two triangles of each of the six faces: corner and face. */
const CUBE = (() => {
  const numbers = [];
  for (const [axis, face] of [[2, 0], [0, 1], [1, 2]])
    for (const end of [0, 1])
      for (const [u, v] of [[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]]) {
        const corner = [0, 0, 0];
        corner[axis] = end;
        corner[(axis + 1) % 3] = u;
        corner[(axis + 2) % 3] = v;
        numbers.push(...corner, face);
      }
  return new Float32Array(numbers);
})();

/** A thin bar from the middle of one box to the next. @param {Box} from @param {Box} to @returns {Box} */
function wire(from, to) {
  const thin = 0.1, x = from.low[0] + from.size[0], y = from.low[1] + Math.min(from.size[1], to.size[1]) / 2;
  return { low: [x, y - thin / 2, -thin], size: [Math.max(thin, to.low[0] - x), thin, thin] };
}

/** @param {WebGL2RenderingContext} gl */
function linked(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost())
      throw new Error(gl.getShaderInfoLog(shader) ?? "a shader does not compile");
  }
  gl.linkProgram(program);
  return program;
}
