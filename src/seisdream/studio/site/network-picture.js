// @ts-check
// A picture of a network: a bar for each layer, in the order of the forward pass, as deep as it looks at less detail.

import { element } from "/viewer/viewer.js";

/**
 * @param {any} network as the API describes it
 * @param {string} chosen name of a layer
 * @param {(layer: string) => void} onchoose
 * @returns {HTMLElement}
 */
export function drawNetwork(network, chosen, onchoose) {
  const words = element("p", { "class": "hint", "aria-live": "polite" });
  const describe = (/** @type {any} */ layer) => {
    const facts = [layer.name, `${layer.channels} channels`];
    if (layer.stride && Math.max(...layer.stride) > 1) facts.push(`1 of ${layer.stride.join(" × ")} samples`);
    if (layer.receptive_field) facts.push(`sees ${layer.receptive_field.join(" × ")} samples`);
    words.textContent = facts.join(" · ");
  };
  // Parts of a layer that has its own name can be typed; a picture of all of them would show none.
  const names = new Set(network.layers.map((/** @type {any} */ layer) => layer.name));
  const isWhole = (/** @type {any} */ layer) =>
    !names.has(layer.name.slice(0, Math.max(0, layer.name.lastIndexOf("."))));
  const bars = network.layers.filter(isWhole).map((/** @type {any} */ layer) => {
    const bar = element("button", {
      "type": "button",
      "class": "layer",
      "aria-label": `Layer ${layer.name}, ${layer.channels} channels`,
      "aria-pressed": String(layer.name === chosen),
      "onclick": () => onchoose(layer.name),
      "onpointerenter": () => describe(layer),
      "onfocus": () => describe(layer),
    });
    bar.style.height = `${14 + 6 * Math.log2(Math.max(1, layer.channels))}px`;
    bar.style.marginTop = `${14 * Math.log2(Math.max(1, ...(layer.stride ?? [1])))}px`;
    return bar;
  });
  const row = element(
    "div",
    { "class": "network", "role": "group", "aria-label": `Layers of ${network.name}` },
    ...bars,
  );
  row.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const at = bars.indexOf(document.activeElement);
    if (way && bars[at + way]) bars[at + way].focus();
  });
  const layer = network.layers.find((/** @type {any} */ one) => one.name === chosen);
  if (layer) describe(layer);
  else words.textContent = "Choose a layer: input on the left, output on the right.";
  return element("div", {}, row, words);
}
