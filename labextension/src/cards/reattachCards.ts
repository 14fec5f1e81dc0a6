/**
 * Lets cards go on after a page reload.
 *
 * JupyterLab keeps which output a display id means in memory only. The kernel therefore puts the id into the output's
 * metadata too (kusto_magic/live.py), and this puts later updates where it stands.
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { CodeCell } from '@jupyterlab/cells';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { IOutputModel } from '@jupyterlab/rendermime';
import { KernelMessage } from '@jupyterlab/services';

import { MIME } from './cardData';
import { FLEET_MIME } from './fleetData';

const MIMES = [MIME, FLEET_MIME];

export function reattachCards(notebooks: INotebookTracker): void {
  const watch = (panel: NotebookPanel): void => {
    panel.sessionContext.iopubMessage.connect((_: ISessionContext, message) => {
      if (KernelMessage.isUpdateDisplayDataMsg(message) && mimeOf(message.content)) {
        // JupyterLab takes the message too, just after this; where it knew the id there is then nothing to do.
        setTimeout(() => panel.isDisposed || place(panel, message.content), 0);
      }
    });
  };
  notebooks.forEach(watch);
  notebooks.widgetAdded.connect((_, panel) => watch(panel));
}

type Content = KernelMessage.IUpdateDisplayDataMsg['content'];

function mimeOf({ data }: Content): string {
  return MIMES.find(mime => mime in data) ?? '';
}

function place(panel: NotebookPanel, content: Content): void {
  const id = content.transient.display_id;
  const mime = mimeOf(content);
  for (const output of outputs(panel)) {
    const own = output.metadata.kusto_image;
    const isIt = typeof own === 'object' && own !== null && 'display_id' in own && own.display_id === id;
    if (isIt && JSON.stringify(output.data[mime]) !== JSON.stringify(content.data[mime])) {
      output.setData({ data: content.data, metadata: content.metadata });
    }
  }
}

function* outputs(panel: NotebookPanel): Iterable<IOutputModel> {
  for (const cell of panel.content.widgets) {
    if (cell.model.type === 'code') {
      const list = (cell as CodeCell).model.outputs;
      for (let index = 0; index < list.length; index++) {
        yield list.get(index);
      }
    }
  }
}
