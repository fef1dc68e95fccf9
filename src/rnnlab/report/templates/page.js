document.querySelectorAll(".command button").forEach(button => button.onclick = () => {
  const range = document.createRange();
  range.selectNodeContents(button.previousElementSibling);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  button.textContent = document.execCommand("copy") ? "copied" : "press Ctrl-C";
});
const key = cell =>
  cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
document.querySelectorAll("th[data-sort]").forEach(head => head.onclick = () => {
  const heads = [...head.parentNode.cells], column = heads.indexOf(head);
  const down = head.getAttribute("aria-sort") === "ascending";
  const body = head.closest("table").tBodies[0];
  heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const compare = (a, b) => {
    const x = key(a.cells[column]), y = key(b.cells[column]);
    if (x === "" || y === "") return (x === "") - (y === "");
    const numbers = typeof x === "number" && typeof y === "number";
    const order = numbers ? x - y : String(x).localeCompare(y);
    return down ? -order : order;
  };
  body.append(...[...body.rows].sort(compare));
});
