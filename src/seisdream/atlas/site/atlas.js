"use strict";
/* The atlas's only script: it draws pages from the numbers in data/, and keeps searches in the address. */
(() => {
  /**
   * @typedef {Record<string, any>} Known of a channel, by the names in data/
   * @typedef {{name: string, folder: string, patch: number[], n_channels: number, field: number[] | null,
   *   stride: number[] | null, kind: string, channels: Known[]}} Layer
   * @typedef {{layer: Layer, index: number, one: Known, words: string}} Channel
   * @typedef {{value: number, code: number}} Part of what a channel contributes to the classes
   * @typedef {{key: string, title: string, of: ((channel: Channel) => number | null) | null, down?: boolean,
   *   caption?: (channel: Channel) => string}} Order
   */
  const byId = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
  const atlas = /** @type {any} */ (window).ATLAS;
  const page = byId("page");
  const hasTime = atlas.dt_ms !== null;

  // Small helpers.

  /** @param {string} name @param {...any} children */
  function make(name, attributes = {}, ...children) {
    const isDrawn = ["svg", "rect", "line", "path", "text", "g", "title", "circle"].includes(name);
    const node = isDrawn ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (key === "style") node.style.cssText = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }
  const digits = (/** @type {any} */ value, n = 3) =>
    value === null ? "–" : Number(value.toPrecision(n)).toString().replace("-", "−");
  const percent = (/** @type {any} */ value) =>
    value === null ? "–" : `${digits(100 * value, value < 0.1 ? 2 : 3)} %`;
  const toRadians = (/** @type {number} */ degrees) => (degrees * Math.PI) / 180;
  const linkOf = (/** @type {Layer} */ layer, /** @type {number} */ n) => `#${encodeURI(layer.name)}/${n}`;
  const colourOf = (/** @type {number} */ code) =>
    /^#[0-9a-f]{6}$/i.test(atlas.colours[code]) ? atlas.colours[code] : "var(--accent)";
  const breakable = (/** @type {string} */ name) => name.replace(/_/g, "_\u200b").replace(/\//g, "/\u200b");

  /** @param {string} key @param {any} [value] */
  function stored(key, value) {
    // A browser may forbid storage to pages from disk.
    try {
      if (value === undefined) return localStorage.getItem(key);
      localStorage.setItem(key, value);
    } catch {
      return null;
    }
    return value;
  }

  // What is known of a channel, in words.

  const isUpright = (/** @type {Known} */ one) => Math.abs(one.dip) > 80;
  // Crests that stand upright change across the traces alone, and have no frequency in time.
  const hertzOf = (/** @type {Known} */ one) =>
    one.frequency === null || isUpright(one)
      ? null
      : ((one.frequency * Math.cos(toRadians(one.dip))) / atlas.dt_ms) * 1000;

  /** @param {Known} one */
  function dipWords(one) {
    if (one.dip === null) return "no response to plane waves";
    const dip = Math.round(one.dip * 10) / 10;
    const slope = isUpright(one) ? null : Math.tan(toRadians(dip));
    const degrees = `${digits(dip)}°`;
    if (slope === null) return `${degrees}, upright`;
    return hasTime
      ? `${degrees}, ${digits(slope * atlas.dt_ms, 2)} ms a trace`
      : `${degrees}, ${digits(slope, 2)} samples a trace`;
  }
  /** @param {Known} one */
  function frequencyWords(one) {
    if (one.frequency === null) return "–";
    const wavelength = `wavelength ${digits(1 / one.frequency, 2)} samples`;
    return hasTime && !isUpright(one) ? `${digits(hertzOf(one), 2)} Hz, ${wavelength}` : wavelength;
  }
  /** @param {Known} one */
  function polarityWords(one) {
    if (one.polarity === null) return "–";
    if (one.modulation !== null && one.modulation < 1) return "no preference";
    const number = ` (${one.polarity > 0 ? "+" : ""}${digits(one.polarity, 2)})`;
    if (one.polarity > 0.25) return `positive: a white crest${number}`;
    if (one.polarity < -0.25) return `negative: a black crest${number}`;
    return `a flank, phase ${digits(Math.round(one.phase))}°`;
  }
  /** @param {any} patch */
  function positionWords(patch) {
    const [line, across, down] = patch;
    const words = [
      atlas.lines[line],
      `${atlas.across} ${across}`,
      atlas.down === "time" ? `${down} ms` : `${atlas.down} ${down}`,
    ];
    return words.filter(Boolean).join(", ");
  }
  /** @param {Known} one */
  function bestClass(one) {
    const { contributions } = one;
    if (!contributions.length) return null;
    const best = contributions.indexOf(Math.max(...contributions));
    return contributions[best] > 0 ? best : null;
  }

  // Every channel, with the words and numbers by which it is searched and sorted.

  const allChannels = atlas.layers.flatMap((/** @type {Layer} */ layer, /** @type {number | null} */ index) =>
    layer.channels.map((/** @type {Known} */ one) => {
      const best = bestClass(one);
      const words = [`${layer.name}/${one.n}`, one.label || "", best === null ? "" : atlas.classes[best]];
      return { layer, index, one, words: words.join(" ").toLowerCase() };
    }),
  );
  /** @type {Record<string, (channel: Channel) => number | null>} */
  const numbers = {
    dip: (/** @type {Channel} */ c) => c.one.dip,
    hz: (/** @type {Channel} */ c) => (hasTime ? hertzOf(c.one) : null),
    wavelength: (/** @type {Channel} */ c) => (c.one.frequency === null ? null : 1 / c.one.frequency),
    selectivity: (/** @type {Channel} */ c) => c.one.selectivity,
    active: (/** @type {Channel} */ c) => c.one.active,
    polarity: (/** @type {Channel} */ c) => c.one.polarity,
    natural: (/** @type {Channel} */ c) => c.one.natural,
    channel: (/** @type {Channel} */ c) => c.one.n,
  };
  const orders = [
    { key: "number", title: "number", of: null },
    {
      key: "dip",
      title: "dip",
      of: numbers.dip,
      caption: (/** @type {Channel} */ c) => (c.one.dip === null ? "–" : `${digits(Math.round(c.one.dip))}°`),
    },
    hasTime
      ? {
          key: "hz",
          title: "frequency",
          of: numbers.hz,
          caption: (/** @type {Channel} */ c) => (numbers.hz(c) === null ? "–" : `${digits(numbers.hz(c), 2)} Hz`),
        }
      : {
          key: "wavelength",
          title: "wavelength",
          of: numbers.wavelength,
          caption: (/** @type {Channel} */ c) =>
            numbers.wavelength(c) === null ? "–" : digits(numbers.wavelength(c), 2),
        },
    {
      key: "selectivity",
      title: "selectivity",
      of: numbers.selectivity,
      down: true,
      caption: (/** @type {Channel} */ c) => digits(c.one.selectivity, 2),
    },
    {
      key: "active",
      title: "activity",
      of: numbers.active,
      down: true,
      caption: (/** @type {Channel} */ c) => percent(c.one.active),
    },
    {
      key: "natural",
      title: "natural dream",
      of: numbers.natural,
      down: true,
      caption: (/** @type {Channel} */ c) => (c.one.natural === null ? "–" : percent(c.one.natural)),
    },
    {
      key: "polarity",
      title: "polarity",
      of: numbers.polarity,
      down: true,
      caption: (/** @type {Channel} */ c) => (c.one.polarity === null ? "–" : digits(c.one.polarity, 2)),
    },
    ...atlas.classes.map((/** @type {string} */ name, /** @type {number} */ code) => ({
      key: `class:${name}`,
      title: `contribution to ${name}`,
      of: (/** @type {Channel} */ c) => c.one.contributions[code],
      down: true,
      caption: (/** @type {Channel} */ c) => digits(c.one.contributions[code], 2),
    })),
  ];

  /** @param {Channel} channel @param {string[]} words */
  function isFound(channel, words) {
    return words.every((/** @type {string} */ word) => {
      const condition = word.match(/^([a-z]+)(<=|>=|<|>|=)(-?[\d.]+)$/);
      if (!condition || !numbers[condition[1]]) return channel.words.includes(word.replace(/^class:/, ""));
      const value = numbers[condition[1]](channel);
      const bound = Number(condition[3]);
      if (value === null) return false;
      return {
        "<": value < bound,
        ">": value > bound,
        "<=": value <= bound,
        ">=": value >= bound,
        "=": value === bound,
      }[condition[2]];
    });
  }

  // Pictures: one tile of a sheet or a strip.

  /** @param {string} source @param {number} number @param {number} columns @param {number} n @param {string} words */
  function tile(source, number, columns, n, words) {
    const rows = Math.ceil(n / columns);
    const across = columns > 1 ? ((number % columns) / (columns - 1)) * 100 : 0;
    const down = rows > 1 ? (Math.floor(number / columns) / (rows - 1)) * 100 : 0;
    const style = `background-image:url("${encodeURI(source)}");background-size:${100 * columns}% ${100 * rows}%;background-position:${across}% ${down}%`;
    return make("span", { "class": "picture", "role": "img", "aria-label": words, style });
  }
  /** @param {Layer} layer @param {number} n @param {string} shown */
  function sheetTile(layer, n, shown) {
    const columns = Math.min(atlas.columns, layer.channels.length);
    const what = shown === "real" ? "Top-activating patch of" : "Feature visualisation of";
    return tile(
      `${shown === "real" ? "real" : "dreams"}/${layer.folder}/sheet.webp`,
      n,
      columns,
      layer.channels.length,
      `${what} ${layer.name}, channel ${n}`,
    );
  }
  /** @type {Record<string, (layer: Layer, n: number, shown: string) => Node>} */
  const pictures = {
    dreams: sheetTile,
    real: sheetTile,
    waves: (/** @type {Layer} */ layer, /** @type {number} */ n) =>
      layer.channels[n].dip === null ? make("span", { class: "picture" }) : waveOf(layer.channels[n]),
  };
  /** @param {{layer: Layer, one: Known}} channel @param {string} shown @param {string} caption @param {boolean} withLayer */
  function card(channel, shown, caption, withLayer) {
    const { layer, one } = channel;
    const name = withLayer
      ? [make("span", { class: "quiet" }, `${breakable(layer.name)}/`), String(one.n)]
      : String(one.n);
    return make(
      "a",
      { class: "card", href: linkOf(layer, one.n), title: one.label || null },
      (pictures[shown] || sheetTile)(layer, one.n, shown),
      make("span", { class: "caption" }, make("b", {}, name), make("span", { class: "quiet" }, caption || "")),
    );
  }

  // The address: #layer/12 is a channel, #layer a layer, #concept:layer/7 a concept on the first page; the options of a
  // list follow a question mark.

  function address() {
    const [path, query = ""] = decodeURI(location.hash.slice(1)).split("?");
    const options = Object.fromEntries(new URLSearchParams(query));
    const index = atlas.layers.findIndex((/** @type {Layer} */ layer) => layer.name === path);
    if (index >= 0) return { index, options };
    const concept = path.match(/^concept:(.+)\/(\d+)$/);
    if (concept && concept[1] === atlas.concepts?.layer) return { index: null, options, concept: Number(concept[2]) };
    const found = path.match(/^(.+)\/(\d+)$/);
    const [, layerName, n] = found ?? [];
    const of = atlas.layers.findIndex((/** @type {Layer} */ layer) => layer.name === layerName);
    if (of >= 0 && atlas.layers[of].channels[Number(n)]) return { index: of, n: Number(n), options };
    return { index: null, options, isUnknown: path !== "" };
  }
  /** @param {Record<string, string>} changes */
  function setOptions(changes) {
    const { index, options } = address();
    const query = new URLSearchParams(
      Object.entries({ ...options, ...changes }).filter(([, value]) => value),
    ).toString();
    const path = index === null ? "" : encodeURI(atlas.layers[index].name);
    history.replaceState(null, "", `#${path}${query ? `?${query}` : ""}`);
    list(index, address().options);
  }

  // Pages.

  /** @param {number | null} index @param {Record<string, string>} options */
  function controls(index, options) {
    const search = make("input", {
      "type": "search",
      "id": "search",
      "value": options.q || "",
      "autocomplete": "off",
      "spellcheck": "false",
      "placeholder": atlas.classes.length
        ? `${atlas.classes[atlas.classes.length - 1]}, dip>20, selectivity>0.9`
        : "enc5/12, dip>20, selectivity>0.9",
      "aria-label": "Search channels",
      "oninput": (/** @type {any} */ event) => setOptions({ q: event.target.value.trim() }),
    });
    const sort = make(
      "select",
      {
        "id": "sort",
        "aria-label": "Sort by",
        "onchange": (/** @type {any} */ event) => setOptions({ sort: event.target.value }),
      },
      orders.map((order) =>
        make(
          "option",
          { value: order.key === "number" ? "" : order.key, selected: (options.sort || "number") === order.key },
          `by ${order.title}`,
        ),
      ),
    );
    const choice = (/** @type {any} */ value, /** @type {string} */ title) =>
      make(
        "button",
        {
          "type": "button",
          "aria-pressed": String((options.show || "real") === value),
          "onclick": () => {
            setOptions({ show: value === "real" ? "" : value });
            drawControls();
          },
        },
        title,
      );
    return make(
      "div",
      { class: "controls" },
      search,
      sort,
      make(
        "span",
        { "class": "choice", "role": "group", "aria-label": "Show" },
        choice("real", "Data"),
        choice("dreams", "Dreams"),
        choice("waves", "Plane waves"),
      ),
    );
  }
  function drawControls() {
    const { index, options } = address();
    const old = page.querySelector(".controls");
    if (old) old.replaceWith(controls(index, options));
  }

  /** @param {number | null} index @param {Record<string, string>} options @param {boolean | undefined} isUnknown */
  function listPage(index, options, isUnknown) {
    const layer = index === null ? null : atlas.layers[index];
    const head = layer
      ? [make("h1", {}, breakable(layer.name)), make("p", { class: "lead" }, layerWords(layer))]
      : [
          make(
            "p",
            { class: "lead" },
            "Each channel of the network with feature visualisations from noise, its top-activating patches of the data, and its tuning. Shown are the most selective channels of each layer.",
          ),
        ];
    const note = isUnknown
      ? make("p", { class: "lead" }, "This atlas has no such channel; all channels are shown.")
      : null;
    page.replaceChildren(...[note, ...head, controls(index, options), make("div", { id: "list" })].filter(Boolean));
    list(index, options);
  }
  /** @param {Layer} layer */
  function layerWords(layer) {
    const words = [
      `${layer.channels.length} channels${layer.channels.length < layer.n_channels ? ` of ${layer.n_channels}` : ""}`,
    ];
    if (layer.field) words.push(`receptive field ${layer.field[0]} × ${layer.field[1]} samples`);
    else words.push("receptive field: the whole section");
    if (layer.stride)
      words.push(layer.stride[0] === 1 ? "one unit per sample" : `one unit every ${digits(layer.stride[0])} samples`);
    return `${words.join("; ")}.`;
  }

  /** @param {number | null} index @param {Record<string, string>} options */
  function list(index, options) {
    const words = (options.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    const order = orders.find((one) => one.key === options.sort) || orders[0];
    const shown = options.show || "real";
    let channels = allChannels.filter(
      (/** @type {Channel} */ channel) => (index === null || channel.index === index) && isFound(channel, words),
    );
    if (order.of) channels = sorted(channels, order);
    const target = byId("list");
    if (!channels.length) {
      target.replaceChildren(
        make(
          "p",
          { class: "lead" },
          "No match. Search for names of layers, channels and classes, or for numbers: dip>20, hz<30, wavelength>8, selectivity>0.9, active<0.1 or polarity<-0.5.",
        ),
      );
      return;
    }
    if (index === null && !words.length && !order.of) {
      target.replaceChildren(
        ...(atlas.concepts ? [conceptShelf(atlas.concepts)] : []),
        ...atlas.layers.map((/** @type {Layer} */ layer, /** @type {number} */ at) => shelf(layer, at, shown)),
      );
      return;
    }
    const cards = channels.map((/** @type {Channel} */ channel) =>
      card(channel, shown, order.of ? order.caption(channel) : "", index === null),
    );
    target.replaceChildren(
      make("p", { class: "count" }, `${channels.length} channel${channels.length === 1 ? "" : "s"}`),
      make("div", { class: "grid" }, cards),
    );
  }
  /** @param {Channel[]} channels @param {Order} order */
  function sorted(channels, { of, down }) {
    if (!of) return channels;
    const sign = down ? -1 : 1;
    return [...channels].sort((one, other) => {
      const [a, b] = [of(one), of(other)];
      if (a === null || b === null) return Number(a === null) - Number(b === null);
      return sign * (a - b);
    });
  }
  /** @param {Layer} layer @param {number} at @param {string} shown */
  function shelf(layer, at, shown) {
    const own = allChannels.filter((/** @type {Channel} */ channel) => channel.index === at);
    const mostSelective = sorted(
      own,
      orders.find((order) => order.key === "selectivity"),
    ).filter((c) => c.one.greatest > 0 || c.one.least < 0);
    return make(
      "section",
      { class: "shelf" },
      make(
        "h2",
        {},
        make("a", { href: `#${encodeURI(layer.name)}` }, breakable(layer.name)),
        " ",
        make("span", { class: "quiet" }, layerWords(layer)),
      ),
      make(
        "div",
        { class: "grid row" },
        mostSelective.slice(0, 12).map((channel) => card(channel, shown, "", false)),
      ),
      own.length > 12 ? make("a", { class: "more", href: `#${encodeURI(layer.name)}` }, `all ${own.length}`) : null,
    );
  }

  /** @param {any} concepts */
  function conceptShelf(concepts) {
    const index = atlas.layers.findIndex((/** @type {Layer} */ layer) => layer.name === concepts.layer);
    const layer = atlas.layers[index];
    const link = (/** @type {[number, number]} */ [n, weight]) => {
      const words = `${n} (${digits(weight, 2)})`;
      return layer && layer.channels[n] ? make("a", { href: linkOf(layer, n) }, words) : words;
    };
    const rows = concepts.rows.map((/** @type {Known} */ one, /** @type {number} */ number) =>
      make(
        "article",
        { class: "concept" },
        make("h3", {}, make("a", { href: encodeURI(`#concept:${concepts.layer}/${number}`) }, one.name)),
        make(
          "div",
          { class: "tiles" },
          Array.from({ length: concepts.tiles }, (_, at) =>
            tile(
              "concepts.webp",
              number * concepts.tiles + at,
              concepts.tiles,
              concepts.tiles * concepts.rows.length,
              `${at < concepts.dreams ? "Dream" : "Patch of data"} of ${one.name}`,
            ),
          ),
        ),
        make(
          "p",
          { class: "note" },
          `${percent(one.share)} of the activations; reproduces ${digits(one.halves, 2)}${one.raises.length ? `; raises ${one.raises.join(", ")}` : ""}. Channels `,
          ...one.channels.flatMap((/** @type {[number, number]} */ channel, /** @type {number} */ at) => [
            at ? ", " : "",
            link(channel),
          ]),
          ".",
        ),
      ),
    );
    const note = `Directions of ${concepts.layer} in which its channels are active together, found without labels: ${concepts.dreams ? "a dream of each, then " : ""}the patches of data in which it is strongest.`;
    return make(
      "section",
      { class: "shelf" },
      make("h2", {}, "Concepts"),
      make("p", { class: "note" }, note),
      make("div", { class: "concepts" }, rows),
    );
  }

  /** @param {number} index @param {number} n */
  function channelPage(index, n) {
    const layer = atlas.layers[index];
    const one = layer.channels[n];
    const last = layer.channels.length - 1;
    const best = bestClass(one);
    page.replaceChildren(
      make(
        "article",
        { class: "channel" },
        make(
          "div",
          { class: "heading" },
          make(
            "h1",
            {},
            make("a", { href: `#${encodeURI(layer.name)}` }, breakable(layer.name)),
            make("span", { class: "quiet" }, " / "),
            String(n),
          ),
          make(
            "span",
            { class: "steps" },
            n > 0 ? make("a", { href: linkOf(layer, n - 1), rel: "prev" }, "← ", String(n - 1)) : null,
            n < last ? make("a", { href: linkOf(layer, n + 1), rel: "next" }, String(n + 1), " →") : null,
          ),
        ),
        one.label ? make("p", { class: "lead" }, one.label) : null,
        make(
          "dl",
          { class: "facts" },
          fact("Preferred dip", dipWords(one)),
          fact("Frequency", frequencyWords(one)),
          fact("Polarity", polarityWords(one)),
          fact("Active on", percent(one.active)),
          fact("Selectivity", digits(one.selectivity, 2)),
          one.natural === null
            ? null
            : fact("Dream natural at", `${percent(one.natural)} of the layers up to this one`),
          best === null ? null : fact("Contributes most to", atlas.classes[best]),
        ),
        make("div", { class: "spread" }, dreamsPart(layer, one), scenePart(layer, one)),
        realPart(layer, one),
        make("div", { class: "spread" }, tuningPart(one), activationsPart(one)),
        make("div", { class: "spread" }, similarPart(one), contributionsPart(one)),
      ),
    );
  }
  const fact = (/** @type {string} */ name, /** @type {any} */ value) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value));
  const part = (/** @type {string} */ title, /** @type {string} */ note, /** @type {any[]} */ ...content) =>
    make(
      "section",
      { class: "part" },
      make("h2", {}, title),
      note ? make("p", { class: "note" }, note) : null,
      ...content,
    );

  /** @param {Layer} layer @param {Known} one */
  function dreamsPart(layer, one) {
    const name = String(one.n).padStart(3, "0");
    const strip = Array.from({ length: atlas.seeds }, (_, seed) =>
      make(
        "figure",
        {},
        tile(
          `dreams/${layer.folder}/${name}.webp`,
          seed,
          atlas.seeds,
          atlas.seeds,
          `Dream ${seed + 1} for channel ${one.n}`,
        ),
        make("figcaption", {}, `seed ${seed}`),
      ),
    );
    const command = atlas.command
      ? make(
          "details",
          {},
          make("summary", {}, "Command"),
          make("code", {}, `${atlas.command} --layer ${layer.name}:${one.n} --seed 0`),
        )
      : null;
    return part(
      "Feature visualisations",
      "Dreams from noise: the phase is optimized, the amplitude spectrum is that of the data.",
      make("div", { class: "dreams" }, strip),
      command,
    );
  }
  /** @param {Layer} layer @param {Known} one */
  function scenePart(layer, one) {
    const scene = atlas.scene;
    const name = String(one.n).padStart(3, "0");
    const [line, left, right, top, bottom] = scene.where;
    const where = [line, `${atlas.across} ${left}–${right}`, `${top}–${bottom}${atlas.down === "time" ? " ms" : ""}`]
      .filter(Boolean)
      .join(", ");
    const compare = make(
      "div",
      { class: "compare", style: `aspect-ratio:${scene.columns}/${scene.rows}` },
      make("img", { src: "scene.webp", alt: "The section before", width: scene.columns, height: scene.rows }),
      make("img", {
        src: encodeURI(`dreams/${layer.folder}/${name}-after.webp`),
        alt: `The section after a dream for channel ${one.n}`,
        class: "after",
        loading: "lazy",
        width: scene.columns,
        height: scene.rows,
      }),
      make("input", {
        "type": "range",
        "min": 0,
        "max": 100,
        "value": 50,
        "aria-label": "Before to after",
        "oninput": (/** @type {any} */ event) => compare.style.setProperty("--at", `${event.target.value}%`),
      }),
    );
    return part(
      "One section, before and after",
      `Left as recorded, right after a dream for this channel: ${where}.`,
      compare,
    );
  }
  /** @param {Layer} layer @param {Known} one */
  function realPart(layer, one) {
    const name = String(one.n).padStart(3, "0");
    if (!one.patches.length) {
      const why =
        one.greatest > 0
          ? "It is active only at the edges of the data, where no whole patch can be cut."
          : "It is never active on these data.";
      return part("Top-activating patches", why);
    }
    const [rows, columns] = layer.patch;
    const field =
      layer.field && layer.field[0] < rows && layer.field[1] < columns
        ? make("span", {
            class: "field",
            style: `height:${(100 * layer.field[0]) / rows}%;width:${(100 * layer.field[1]) / columns}%`,
          })
        : null;
    const figures = one.patches.map((/** @type {any} */ patch, /** @type {number} */ rank) => {
      const picture = tile(
        `real/${layer.folder}/${name}.webp`,
        rank,
        one.patches.length,
        one.patches.length,
        positionWords(patch),
      );
      picture.style.aspectRatio = `${columns}/${rows}`;
      if (field) picture.append(field.cloneNode());
      return make(
        "figure",
        {},
        picture,
        make(
          "figcaption",
          {},
          positionWords(patch),
          make("br"),
          make("span", { class: "quiet" }, `activation ${digits(patch[3])}`),
        ),
      );
    });
    const note = `The strongest activations in the data, in patches of ${rows} × ${columns} samples that do not overlap${field ? "; the frame is the receptive field" : ""}.`;
    return part("Top-activating patches", note, make("div", { class: "real" }, figures));
  }

  /** @param {Known} one */
  function tuningPart(one) {
    if (one.dip === null) return part("Tuning", "No response to plane waves with the amplitude of a seismic section.");
    const [cell, left, bottom] = [13, 34, 30];
    const [nDips, nFrequencies] = [atlas.dips.length, atlas.frequencies.length];
    const [width, height] = [left + nFrequencies * cell, nDips * cell + bottom];
    const map = make("svg", {
      "viewBox": `0 0 ${width + 8} ${height}`,
      "class": "map",
      "role": "img",
      "aria-label": "Responses to plane waves, dip by frequency",
    });
    for (let dip = 0; dip < nDips; dip++) {
      for (let frequency = 0; frequency < nFrequencies; frequency++) {
        const shade = parseInt(one.tuning[dip * nFrequencies + frequency], 36) / 35;
        map.append(
          make(
            "rect",
            {
              "x": left + frequency * cell,
              "y": dip * cell,
              "width": cell - 1,
              "height": cell - 1,
              "class": "shade",
              "fill-opacity": (0.05 + 0.95 * shade).toFixed(2),
            },
            make(
              "title",
              {},
              `dip ${atlas.dips[dip]}°, wavelength ${digits(1 / atlas.frequencies[frequency], 2)} samples: ${Math.round(100 * shade)} %`,
            ),
          ),
        );
      }
      if (atlas.dips[dip] % 45 === 0)
        map.append(
          make("text", { "x": left - 5, "y": dip * cell + 10, "text-anchor": "end" }, `${digits(atlas.dips[dip])}°`),
        );
    }
    for (let frequency = 0; frequency < nFrequencies; frequency += 4) {
      map.append(
        make(
          "text",
          { "x": left + (frequency + 0.5) * cell, "y": nDips * cell + 12, "text-anchor": "middle" },
          digits(1 / atlas.frequencies[frequency], 2),
        ),
      );
    }
    map.append(
      make(
        "text",
        { "x": left + (nFrequencies * cell) / 2, "y": nDips * cell + 26, "text-anchor": "middle" },
        "wavelength in samples; down: dip",
      ),
    );
    const wave = make("figure", { class: "wave" }, waveOf(one), make("figcaption", {}, "preferred wave"));
    const modulation = one.modulation === null || one.modulation > 9.9 ? "above 9.9" : digits(one.modulation, 2);
    const note = `Plane waves of all dips and frequencies, each at its best phase. Dip selectivity ${digits(one.dip_selectivity, 2)}; F1/F0 ${modulation}.`;
    return part("Tuning", note, make("div", { class: "tuning" }, map, wave));
  }
  /** @param {Known} one */
  function waveOf(one) {
    const side = 96;
    const canvas = make("canvas", {
      "width": side,
      "height": side,
      "class": "picture",
      "role": "img",
      "aria-label": "The preferred plane wave",
    });
    const context = /** @type {any} */ (canvas).getContext("2d");
    const image = context.createImageData(side, side);
    const [cosine, sine] = [Math.cos(toRadians(one.dip)), Math.sin(toRadians(one.dip))];
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const across = (row - side / 2) * cosine - (column - side / 2) * sine;
        const grey = 127.5 + 110 * Math.cos(2 * Math.PI * one.frequency * across - toRadians(one.phase));
        image.data.set([grey, grey, grey, 255], 4 * (row * side + column));
      }
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }
  /** @param {Known} one */
  function activationsPart(one) {
    const { first, width, counts } = one.bins;
    const note = `Over the data: mean ${digits(one.mean)}, standard deviation ${digits(one.deviation)}, from ${digits(one.least)} to ${digits(one.greatest)}; exactly zero on ${percent(one.silent)}.`;
    if (!counts.length) return part("Activations", note);
    const [wide, high] = [320, 130];
    const most = Math.log1p(Math.max(...counts));
    const step = wide / Math.max(counts.length, 8);
    const chart = make("svg", {
      "viewBox": `0 0 ${wide} ${high + 18}`,
      "class": "chart",
      "role": "img",
      "aria-label": "Histogram of activations",
    });
    counts.forEach((/** @type {number} */ count, /** @type {number} */ bin) => {
      const height = (Math.log1p(count) / most) * (high - 4);
      chart.append(
        make(
          "rect",
          {
            x: (bin * step).toFixed(2),
            y: (high - height).toFixed(2),
            width: Math.max(step - 0.6, 0.6).toFixed(2),
            height: height.toFixed(2),
            class: "bar",
          },
          make("title", {}, `${digits((first + bin) * width)} to ${digits((first + bin + 1) * width)}: ${count}`),
        ),
      );
    });
    chart.append(
      make("line", { x1: 0, x2: wide, y1: high, y2: high, class: "axis" }),
      make("text", { x: 0, y: high + 13 }, digits(first * width)),
      make(
        "text",
        { "x": Math.min(wide, counts.length * step), "y": high + 13, "text-anchor": "end" },
        digits((first + counts.length) * width),
      ),
    );
    return part("Activations", `${note} Heights are logarithmic.`, chart);
  }
  /** @param {Known} one */
  function similarPart(one) {
    if (!one.similar.length) return part("Similar channels", "No channel is correlated with it.");
    const cards = one.similar.map((/** @type {[number, number, number]} */ [index, n, correlation]) => {
      const layer = atlas.layers[index];
      return card({ layer, one: layer.channels[n] }, "dreams", `r ${correlation.toFixed(2)}`, true);
    });
    return part(
      "Similar channels",
      "Channels of all layers whose activations on the data are most correlated.",
      make("div", { class: "grid similar" }, cards),
    );
  }
  /** @param {Known} one */
  function contributionsPart(one) {
    if (!one.contributions.length) return make("section", { class: "part" });
    const most = Math.max(...one.contributions.map(Math.abs)) || 1;
    const rows = one.contributions
      .map((/** @type {number} */ value, /** @type {number} */ code) => ({ value, code }))
      .sort((/** @type {Part} */ a, /** @type {Part} */ b) => b.value - a.value)
      .map((/** @type {Part} */ { value, code }) => {
        const share = (50 * Math.abs(value)) / most;
        return make(
          "tr",
          {},
          make(
            "th",
            { scope: "row" },
            make("a", { href: `#?sort=${encodeURIComponent(`class:${atlas.classes[code]}`)}` }, atlas.classes[code]),
          ),
          make(
            "td",
            { class: "bars" },
            make("span", {
              style: `width:${share}%;${value < 0 ? `right:50%` : `left:50%`};background:${colourOf(code)}`,
            }),
          ),
          make("td", { class: "number" }, `${value > 0 ? "+" : ""}${digits(value, 2)}`),
        );
      });
    return part(
      "Contributions to classes",
      "How much it raises the logit of each class on the data, relative to the mean of all classes: gradient × activation.",
      make("table", { class: "contributions" }, make("tbody", {}, rows)),
    );
  }

  // The frame around the pages.

  function frame() {
    const name = atlas.network.name;
    byId("network").textContent = name;
    const credit = [atlas.data.credit, atlas.data.licence].filter(Boolean).join(", ");
    const lines = atlas.lines.length > 1 ? `, ${atlas.lines.length} lines` : "";
    byId("about").textContent =
      `${allChannels.length} channels in ${atlas.layers.length} layer${atlas.layers.length === 1 ? "" : "s"}, measured on ${atlas.data.input || "an array"}${lines}`;
    const foot = [
      credit ? `Data: ${credit}.` : "",
      atlas.network.credit
        ? `Network: ${[atlas.network.credit, atlas.network.licence].filter(Boolean).join(", ")}.`
        : "",
      `Built by seisdream ${atlas.version}; network ${atlas.network.sha256.slice(0, 12)}.`,
    ];
    byId("foot").replaceChildren(
      foot.filter(Boolean).join(" "),
      " ",
      make("a", { href: "channels.csv" }, "All numbers as a table"),
      ".",
    );
    byId("layers").replaceChildren(
      ...atlas.layers.map((/** @type {Layer} */ layer) =>
        make("a", { href: `#${encodeURI(layer.name)}` }, breakable(layer.name)),
      ),
    );
    const root = document.documentElement;
    const setTheme = (/** @type {string} */ theme) => {
      if (theme) root.dataset.theme = theme;
      else delete root.dataset.theme;
    };
    setTheme(stored("theme"));
    byId("theme").addEventListener("click", () => {
      const isDark = root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      setTheme(stored("theme", isDark ? "light" : "dark") || (isDark ? "light" : "dark"));
    });
    const polarity = byId("polarity");
    const setPolarity = (/** @type {boolean} */ isReversed) => {
      root.classList.toggle("reversed", isReversed);
      polarity.setAttribute("aria-pressed", String(isReversed));
    };
    setPolarity(stored("polarity") === "reversed");
    polarity.addEventListener("click", () => {
      const isReversed = !root.classList.contains("reversed");
      stored("polarity", isReversed ? "reversed" : "normal");
      setPolarity(isReversed);
    });
    document.addEventListener("keydown", (event) => {
      if (
        /** @type {HTMLElement} */ (event.target).closest("input, select, textarea") ||
        event.altKey ||
        event.ctrlKey ||
        event.metaKey
      )
        return;
      const link = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
      const target = link && page.querySelector(`a[rel=${link}]`);
      if (target) location.hash = target.getAttribute("href");
      if (event.key === "/" && byId("search")) {
        event.preventDefault();
        byId("search").focus();
      }
    });
  }
  function show() {
    const { index, n, options, concept, isUnknown } = address();
    for (const [at, link] of [...byId("layers").children].entries()) {
      if (at === index) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (n === undefined) listPage(index, options, isUnknown);
    else channelPage(index, n);
    document.title = `${index === null ? "" : `${atlas.layers[index].name}${n === undefined ? "" : `/${n}`} · `}Atlas of ${atlas.network.name}`;
    scrollTo(0, 0);
    const row = page.querySelectorAll(".concept")[concept ?? -1];
    if (row) {
      row.setAttribute("aria-current", "true");
      row.scrollIntoView({ block: "center" });
    }
    // In a frame of the studio, whose address follows.
    if (parent !== window) parent.postMessage({ place: location.hash.slice(1) }, "*");
  }
  frame();
  show();
  addEventListener("hashchange", show);
})();
