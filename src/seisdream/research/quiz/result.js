// @ts-check
// The result of the quiz: the person, the network and the ideal observer on the same pairs.

import { drawCurves } from "../../viewer/scripts/curves.js";
import { element } from "../../viewer/scripts/elements.js";

/**
 * @typedef {{level: number, person: number, network: number, ideal: number}} Pair signal-to-noise ratio in dB,
 *   1 for a correct answer, 0 for a wrong one and ½ for a tie, and the d′ of the ideal observer
 * @typedef {{proportion: number, proportionInterval: [number, number], dPrime: number,
 *   dPrimeInterval: [number, number]}} Score
 * @typedef {{n: number, person: Score, network: Score, ideal: Score}} Scores
 */

const TAIL = 0.025;
/** @type {["person", "network", "ideal"]} */
const OBSERVERS = ["person", "network", "ideal"];
const NAMES = { person: "You", network: "Network", ideal: "Ideal observer" };
const APART_DB = 0.7;

/**
 * Return the standard normal distribution function, from its power series (Marsaglia, 2004).
 * @param {number} x
 */
export function normalBelow(x) {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let [term, sum] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) sum += term *= (x * x) / k;
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/**
 * Return where an increasing function has a value, by bisection.
 * @param {(x: number) => number} rising @param {number} value @param {number} low @param {number} high
 */
function solve(rising, value, low, high) {
  for (let k = 0; k < 60; k++) {
    const middle = (low + high) / 2;
    if (rising(middle) < value) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Return d′ from the proportion of correct answers to pairs, √2 z(proportion).
 * @param {number} proportion
 */
function dPrimeOf(proportion) {
  if (proportion <= 0 || proportion >= 1) return proportion > 0 ? Infinity : -Infinity;
  return Math.SQRT2 * solve(normalBelow, proportion, -8, 8);
}

/**
 * Return the probability of at least this many correct answers.
 * @param {number} nCorrect @param {number} n @param {number} p
 */
function atLeast(nCorrect, n, p) {
  let [ways, sum] = [1, 0];
  for (let k = 0; k <= n; k++) {
    if (k >= nCorrect) sum += ways * p ** k * (1 - p) ** (n - k);
    ways *= (n - k) / (k + 1);
  }
  return sum;
}

/**
 * Score answers: d′ has the log-linear correction, and the intervals are exact (Clopper and Pearson).
 * @param {number[]} correct
 * @returns {Score}
 */
function scoreAnswers(correct) {
  const n = correct.length;
  const nCorrect = correct.reduce((sum, one) => sum + one, 0);
  const [fewest, most] = [Math.floor(nCorrect), Math.ceil(nCorrect)];
  const low = fewest > 0 ? solve((p) => atLeast(fewest, n, p), TAIL, 0, 1) : 0;
  const high = most < n ? solve((p) => atLeast(most + 1, n, p), 1 - TAIL, 0, 1) : 1;
  return {
    proportion: nCorrect / n,
    proportionInterval: [low, high],
    dPrime: dPrimeOf((nCorrect + 0.5) / (n + 1)),
    dPrimeInterval: [dPrimeOf(low), dPrimeOf(high)],
  };
}

/**
 * Score the ideal observer, whose proportion is the expected one; both measures are exact for these pairs.
 * @param {number[]} dPrimes
 * @returns {Score}
 */
function scoreIdeal(dPrimes) {
  const proportion = dPrimes.reduce((sum, one) => sum + normalBelow(one / Math.SQRT2), 0) / dPrimes.length;
  const dPrime = Math.sqrt(dPrimes.reduce((sum, one) => sum + one * one, 0) / dPrimes.length);
  return { proportion, proportionInterval: [proportion, proportion], dPrime, dPrimeInterval: [dPrime, dPrime] };
}

/**
 * @param {Pair[]} pairs
 * @returns {Scores}
 */
function scorePairs(pairs) {
  return {
    n: pairs.length,
    person: scoreAnswers(pairs.map(({ person }) => person)),
    network: scoreAnswers(pairs.map(({ network }) => network)),
    ideal: scoreIdeal(pairs.map(({ ideal }) => ideal)),
  };
}

/**
 * Return the scores of all observers at each level, from the noisiest, and over all pairs.
 * @param {Pair[]} pairs at least one
 * @returns {{overall: Scores, levels: (Scores & {level: number})[]}}
 */
export function compareObservers(pairs) {
  const levels = [...new Set(pairs.map(({ level }) => level))].sort((one, other) => one - other);
  return {
    overall: scorePairs(pairs),
    levels: levels.map((level) => ({ level, ...scorePairs(pairs.filter((pair) => pair.level === level)) })),
  };
}

/**
 * Show the curves of all observers, and a table of the same numbers.
 * @param {HTMLElement} host @param {Pair[]} pairs at least one
 */
export function showResult(host, pairs) {
  const { overall, levels } = compareObservers(pairs);
  const plot = element("div");
  let drawn = 0;
  const draw = () => {
    if (plot.clientWidth === drawn) return;
    drawn = plot.clientWidth;
    plot.replaceChildren(drawLevels(overall, levels, drawn));
  };
  host.replaceChildren(plot, makeTable(overall, levels));
  new ResizeObserver(draw).observe(plot);
  draw();
}

/** @param {Scores} overall @param {(Scores & {level: number})[]} levels @param {number} width in pixels */
function drawLevels(overall, levels, width) {
  const ticks = levels.map(({ level }) => level);
  /** @type {[number, number]} */
  const ends = [Math.min(...ticks) - 2, Math.max(...ticks) + 2];
  const curves = OBSERVERS.map((observer, i) => ({
    name: NAMES[observer],
    x: ticks.map((level) => level + (i - 1) * APART_DB),
    y: levels.map((one) => one[observer].proportion),
    intervals: levels.map((one) => one[observer].proportionInterval),
  }));
  const words = OBSERVERS.map(
    (observer) => `${NAMES[observer]}: ${percent(overall[observer].proportion)} of all pairs.`,
  );
  return drawCurves({
    title: "Correct answers by noise level",
    across: "Signal-to-noise ratio (dB)",
    down: "Proportion correct",
    x: ends,
    y: [0, 1],
    ticks,
    size: [Math.max(width, 240), width < 480 ? 260 : 320],
    curves: [...curves, { name: "Guessing", x: ends, y: [0.5, 0.5] }],
    words: `${words.join(" ")} The table has the numbers.`,
  });
}

/** @param {Scores} overall @param {(Scores & {level: number})[]} levels */
function makeTable(overall, levels) {
  /** @param {string} name @param {Scores} scores @param {(score: Score) => [string, string]} write */
  const row = (name, scores, write) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      element("td", {}, String(scores.n)),
      ...OBSERVERS.map((observer) => {
        const [value, interval] = write(scores[observer]);
        return element("td", {}, value, observer === "ideal" ? null : element("small", {}, interval));
      }),
    );
  const heads = ["Signal to noise", "Pairs", ...OBSERVERS.map((observer) => NAMES[observer])];
  return element(
    "table",
    {},
    element("caption", {}, "Correct answers, and 95 % intervals"),
    element("thead", {}, element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)))),
    element(
      "tbody",
      {},
      ...levels.map((one) => row(`${one.level} dB`.replace("-", "−"), one, writeProportion)),
      row("All", overall, writeProportion),
      row("Sensitivity d′", overall, writeDPrime),
    ),
  );
}

/**
 * @param {Score} score
 * @returns {[string, string]}
 */
function writeProportion({ proportion, proportionInterval: [low, high] }) {
  return [percent(proportion), `${Math.round(100 * low)}–${percent(high)}`];
}

/**
 * @param {Score} score
 * @returns {[string, string]}
 */
function writeDPrime({ dPrime, dPrimeInterval: [low, high] }) {
  return [decimal(dPrime), `${decimal(low)} to ${decimal(high)}`];
}

/** @param {number} proportion */
function percent(proportion) {
  return `${Math.round(100 * proportion)}\u00a0%`;
}

/** @param {number} value */
function decimal(value) {
  const text = Number.isFinite(value) ? value.toFixed(Math.abs(value) < 10 ? 2 : 1) : value > 0 ? "∞" : "-∞";
  return text.replace("-", "−");
}
