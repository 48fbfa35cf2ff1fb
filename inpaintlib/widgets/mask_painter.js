export default { render({ el }) { el.textContent = "being written"; } };
