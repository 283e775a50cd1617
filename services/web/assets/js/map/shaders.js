// @ts-check
/** The programs of the graphics card (GLSL ES 3.00). */

/**
 * A sample is a square of pixels of which the fragment shader keeps the shape of its severity: a disc (normal and
 * low), a triangle, a diamond or a square, with an outline of the surface's colour around anomalies.
 */
export const POINT_VERTEX = `#version 300 es
precision highp float;
uniform vec2 centre;
uniform vec2 perUnit;
uniform float size;
uniform vec2 range;
uniform vec3 surface;
uniform vec3 early;
uniform vec3 late;
uniform vec3 timeless;
uniform vec3 severities[4];
in vec2 place;
in float time;
in float mark;
in float marked;
flat out vec4 shade;
void main() {
  vec3 own = mark > 0.5 ? severities[int(mark) - 1] : time < 0.0 ? timeless : mix(early, late, time);
  bool outside = time < range.x || time > range.y || marked < 0.5;
  shade = vec4(outside ? mix(own, surface, 0.8) : own, mark);
  gl_Position = vec4((place - centre) * perUnit, 0.0, 1.0);
  gl_PointSize = mark > 0.5 ? size * (2.0 + 0.25 * mark) : size;
}`;

/** Normal samples, of which there are many: discs. */
export const DISC_FRAGMENT = `#version 300 es
precision mediump float;
flat in vec4 shade;
out vec4 colour;
void main() {
  vec2 p = gl_PointCoord * 2.0 - 1.0;
  if (dot(p, p) > 1.0) discard;
  colour = vec4(shade.rgb, 1.0);
}`;

export const MARK_FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 surface;
flat in vec4 shade;
out vec4 colour;
float within(vec2 p, float k) {
  if (k > 3.5) return max(abs(p.x), abs(p.y)) / 0.8;
  if (k > 2.5) return abs(p.x) + abs(p.y);
  if (k > 1.5) return max(abs(p.x) * 1.732 - p.y - 0.2, p.y + 0.2) / 0.85;
  return length(p);
}
void main() {
  float edge = within(gl_PointCoord * 2.0 - 1.0, shade.a);
  if (edge > 1.0) discard;
  colour = vec4(edge > 0.72 ? surface : shade.rgb, 1.0);
}`;

/** The whole screen: grey where samples of the baseline lie, hatched where none has ever been. */
export const GROUND_VERTEX = `#version 300 es
in vec2 corner;
out vec2 at;
void main() {
  at = corner;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

export const GROUND_FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D cells;
uniform vec2 origin;
uniform vec2 perScreen;
uniform vec3 surface;
uniform vec3 dense;
uniform vec3 hatch;
uniform float hatched;
in vec2 at;
out vec4 colour;
void main() {
  vec2 uv = origin + at * perScreen;
  bool outside = any(lessThan(uv, vec2(0.0))) || any(greaterThan(uv, vec2(1.0)));
  float amount = outside ? 0.0 : texture(cells, uv).r;
  if (amount > 0.0) {
    colour = vec4(mix(surface, dense, 0.12 + 0.88 * amount), 1.0);
    return;
  }
  if (hatched < 0.5) discard;
  float stripe = mod(gl_FragCoord.x + gl_FragCoord.y, 9.0);
  colour = vec4(stripe < 1.0 ? hatch : surface, 1.0);
}`;
