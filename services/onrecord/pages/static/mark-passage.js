// Words that are selected in the text of the article become the passage, with their place in it.
"use strict";
{
  const text = document.getElementById("article-text");
  const quote = document.getElementById("quote");
  const marked = document.getElementById("marked");

  const codePoints = (string) => Array.from(string).length;

  function markSelection() {
    const selection = document.getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return;
    const range = selection.getRangeAt(0);
    if (!text.contains(range.startContainer) || !text.contains(range.endContainer)) return;
    const before = document.createRange();
    before.setStart(text, 0);
    before.setEnd(range.startContainer, range.startOffset);
    const words = range.toString();
    const trimmed = words.trim();
    if (!trimmed) return;
    const skipped = words.slice(0, words.indexOf(trimmed));
    const start = codePoints(before.toString() + skipped);
    quote.value = trimmed;
    marked.value = `${start}-${start + codePoints(trimmed)}`;
  }

  if (text && quote && marked) {
    text.addEventListener("mouseup", markSelection);
    text.addEventListener("keyup", markSelection);
    text.addEventListener("touchend", markSelection);
  }
}
