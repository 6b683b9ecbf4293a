// The viewer as one module, as the studio serves it at /viewer/viewer.js.
export { COLOUR_MAPS } from "./colours.js";
export { Comparison } from "./comparison.js";
export { drawCurves } from "./curves.js";
export { capitalize, choice, element, formatNumber, wordsOfCode } from "./elements.js";
export { Section, decodeSection, parseSection, positionOf } from "./samples.js";
export { SectionViewer } from "./section-viewer.js";
