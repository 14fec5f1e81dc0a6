/** The outputs of a notebook. */
import type { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IOutputModel } from '@jupyterlab/rendermime';

export function* outputsOf(panel: NotebookPanel): Iterable<IOutputModel> {
  for (const cell of panel.content.widgets) {
    if (cell.model.type === 'code') {
      const { outputs } = (cell as CodeCell).model;
      for (let index = 0; index < outputs.length; index++) {
        yield outputs.get(index);
      }
    }
  }
}
