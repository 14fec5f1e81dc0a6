/**
 * Keeps cards up to date after a page reload.
 *
 * JupyterLab keeps the outputs of a display id in memory only, so that later updates are lost after a reload. The
 * kernel therefore also writes the display id to the metadata of the output (`kusto_magic/display/live_card.py`).
 */
import type { ISessionContext } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { KernelMessage } from '@jupyterlab/services';

import { BUILD_MIME_TYPE } from './cardData';
import { isObject } from '../model/json';
import { FLEET_MIME_TYPE } from './fleetData';
import { outputsOf } from './outputs';

const MIME_TYPES = [BUILD_MIME_TYPE, FLEET_MIME_TYPE];

type UpdateContent = KernelMessage.IUpdateDisplayDataMsg['content'];

export function reattachCards(notebooks: INotebookTracker): void {
  const connect = (panel: NotebookPanel): void => {
    panel.sessionContext.iopubMessage.connect((_: ISessionContext, message) => {
      if (KernelMessage.isUpdateDisplayDataMsg(message) && mimeTypeOf(message.content)) {
        // JupyterLab handles the message after this signal; if it knows the display id, nothing is left to do.
        setTimeout(() => panel.isDisposed || updateOutputs(panel, message.content), 0);
      }
    });
  };
  notebooks.forEach(connect);
  notebooks.widgetAdded.connect((_, panel) => connect(panel));
}

function mimeTypeOf({ data }: UpdateContent): string {
  return MIME_TYPES.find(mimeType => mimeType in data) ?? '';
}

function updateOutputs(panel: NotebookPanel, content: UpdateContent): void {
  const mimeType = mimeTypeOf(content);
  for (const output of outputsOf(panel)) {
    const { kusto_image: metadata } = output.metadata;
    const hasId = isObject(metadata) && metadata.display_id === content.transient.display_id;
    // Setting the same data again would render the card again and fold what the user has unfolded.
    if (hasId && JSON.stringify(output.data[mimeType]) !== JSON.stringify(content.data[mimeType])) {
      output.setData({ data: content.data, metadata: content.metadata });
    }
  }
}
