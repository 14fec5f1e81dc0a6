// Called with the text of the new cell. `element`, JupyterLab's own, is where this stands in the page.
text => {
  const documents = [...document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden)')];
  const panel = documents.find(one => one.querySelector('.kusto-image-panel'));
  const add =
    panel?.querySelector('[data-jp-item-name="insert"] jp-button, [data-jp-item-name="insert"] button') ??
    panel?.querySelector('.jp-Notebook-footer');
  const before = new Set(panel?.querySelectorAll('.jp-Notebook .jp-Cell'));
  add?.click();

  // The editor of a new cell appears a little later. It reads a paste as one change, without indenting anything.
  const fill = left => {
    const added = [...panel.querySelectorAll('.jp-Notebook .jp-CodeCell')].find(cell => !before.has(cell));
    const editor = added?.querySelector('.cm-content');
    if (editor) {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', text);
      editor.focus();
      editor.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    } else if (left > 0) {
      setTimeout(fill, 50, left - 1);
    }
  };
  if (add) {
    fill(60);
  }
};
