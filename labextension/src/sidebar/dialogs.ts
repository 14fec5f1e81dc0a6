/** Actions that affect the queries of a cluster and therefore ask for confirmation. */
import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ICluster } from '../api/api';
import type { IImagesModel } from '../tokens';
import { activeWarning } from './activeImage';
import { errorLines } from './formValues';

interface IConfirmation {
  readonly title: string;
  readonly body: string;
  readonly buttons: ReadonlyArray<Dialog.IButton>;
  readonly errorTitle: string;
}

export async function enableImage(
  model: IImagesModel,
  cluster: ICluster,
  name: string,
  trans: TranslationBundle
): Promise<void> {
  const confirmation = {
    title: trans.__('Enable image %1?', name),
    body: trans.__('Queries on %1 that use Python will run on it. This takes up to an hour.', cluster.name),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Enable') })],
    errorTitle: trans.__('Enabling image %1 failed', name)
  };
  await runConfirmed(confirmation, trans, () => model.enableImage(cluster.id, name));
}

export async function disablePython(model: IImagesModel, cluster: ICluster, trans: TranslationBundle): Promise<void> {
  const confirmation = {
    title: trans.__('Disable python() on %1?', cluster.name),
    body: trans.__(
      'Queries on %1 that use Python will fail until an image is enabled again. This takes up to an hour.',
      cluster.name
    ),
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Disable') })],
    errorTitle: trans.__('Disabling python() on %1 failed', cluster.name)
  };
  await runConfirmed(confirmation, trans, () => model.disablePython(cluster.id));
}

export async function deleteImage(
  model: IImagesModel,
  cluster: ICluster,
  name: string,
  trans: TranslationBundle
): Promise<void> {
  const warning = activeWarning(model, cluster.id, name, trans);
  const consequence = trans.__('Queries on %1 that use it will fail. This cannot be undone.', cluster.name);
  const confirmation = {
    title: trans.__('Delete image %1?', name),
    body: [warning, consequence].join(' ').trim(),
    buttons: [Dialog.cancelButton({ label: trans.__('Keep') }), Dialog.warnButton({ label: trans.__('Delete') })],
    errorTitle: trans.__('Deleting image %1 failed', name)
  };
  await runConfirmed(confirmation, trans, () => model.deleteImage(cluster.id, name, warning !== ''));
}

/** Ask whether an image that queries use or may use is replaced; `warning` says which of both. */
export async function confirmReplacement(name: string, warning: string, trans: TranslationBundle): Promise<boolean> {
  const buttons = [Dialog.cancelButton({ label: trans.__('Keep') }), Dialog.warnButton({ label: trans.__('Replace') })];
  const title = trans.__('Replace image %1?', name);
  return (await showDialog({ title, body: warning, buttons, defaultButton: 0 })).button.accept;
}

async function runConfirmed(
  confirmation: IConfirmation,
  trans: TranslationBundle,
  action: () => Promise<unknown>
): Promise<void> {
  const { title, body, buttons, errorTitle } = confirmation;
  // Enter must not confirm by accident, so the first button, Cancel, is the default.
  const result = await showDialog({ title, body, buttons, defaultButton: 0 });
  if (!result.button.accept) {
    return;
  }
  try {
    await action();
  } catch (error) {
    await showErrorMessage(errorTitle, errorLines(error, trans).join('\n'));
  }
}
