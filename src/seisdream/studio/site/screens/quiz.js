// @ts-check
// Quiz: which of two sections has the target? A page of its own, in a frame.

import { element } from "/viewer/viewer.js";

export class QuizScreen {
  static screenName = "quiz";
  static title = "Quiz";
  static hasWorkbench = false;

  /** @param {any} studio */
  constructor(studio) {
    this.studio = studio;
  }

  /** @param {HTMLElement} panel */
  enter(panel) {
    const { quiz } = this.studio.facts;
    if (!quiz) {
      panel.append(element("p", {}, "The studio was started without a quiz."));
      return;
    }
    panel.append(
      element(
        "p",
        {},
        "Which of two sections has the target? You, the network and an ideal observer answer the same pairs.",
      ),
      element("p", {}, element("a", { href: quiz, target: "_blank", rel: "noopener" }, "Open it in a page of its own")),
    );
    const words = element(
      "p",
      { "class": "hint", "aria-live": "polite" },
      "The pairs are being generated and shown to the network, which takes about half a minute the first time.",
    );
    panel.append(words);
    panel.after(element("iframe", { title: "Quiz", class: "page", src: quiz, onload: () => words.remove() }));
  }
}
