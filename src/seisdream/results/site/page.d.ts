// What the scripts of a page and of the notebook share: they follow the viewer's module, and page.js, in one script.
export {};
declare global {
  const {
    Comparison,
    SectionViewer,
    choice,
    decodeSection,
    element,
    parseSection,
    positionOf,
    wordsOfCode,
  }: typeof import("../../viewer/scripts/viewer.js");
  const DATA: any;
  const PAGE: HTMLElement;
  const copyButton: (label: string, text: () => string) => HTMLElement;
  const notesList: (notes: string[]) => HTMLElement[];
}
