/** The commands of clusters. */
import { Notification, showErrorMessage } from '@jupyterlab/apputils';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { ICluster } from './api/api';
import { CommandIDs } from './commandIds';
import { type ICommandOptions, readDraft } from './commands';
import { chooseCluster } from './sidebar/clusterDialog';
import { disablePython } from './sidebar/dialogs';
import { errorText } from './sidebar/formErrors';

/** Milliseconds for which the notification about a started emulator is shown. */
const SHOWN_FOR = 3000;

export function addClusterCommands(options: ICommandOptions): void {
  const { app, model, sidebar, trans } = options;
  const { commands, shell } = app;
  const show = (cluster: ICluster): void => {
    shell.activateById(sidebar.id);
    sidebar.showCluster(cluster.id);
  };
  commands.addCommand(CommandIDs.chooseCluster, {
    label: args => (args.isMenu ? trans.__('Choose another cluster…') : trans.__('Choose Kusto Cluster…')),
    isEnabled: () => model.availability === 'available',
    execute: async () => {
      const chosen = await chooseCluster(model, trans);
      if (chosen === 'emulator') {
        await commands.execute(CommandIDs.useEmulator);
      } else if (chosen) {
        await reported(options, trans.__('Choose cluster'), async () => show(await model.addCluster(chosen)));
      }
    }
  });
  commands.addCommand(CommandIDs.useEmulator, {
    label: trans.__('Try the Kusto Emulator'),
    isEnabled: () => model.availability === 'available',
    execute: () => withProgress(options, model.useEmulator()).then(show, () => undefined) // the notification has the error
  });
  commands.addCommand(CommandIDs.removeCluster, {
    label: args =>
      args.isMenu ? trans.__('Remove from list') : trans.__('Remove the Selected Kusto Cluster from the List'),
    isEnabled: args => findCluster(options, args) !== undefined,
    execute: args => {
      const cluster = findCluster(options, args);
      return cluster && reported(options, cluster.name, () => model.removeCluster(cluster.id));
    }
  });
  commands.addCommand(CommandIDs.disablePython, {
    label: args =>
      args.isMenu || args.isToolbar
        ? trans.__('Disable python() on cluster…')
        : trans.__('Disable python() on the Selected Kusto Cluster…'),
    isEnabled: args => {
      const cluster = findCluster(options, args);
      return cluster !== undefined && isOn(options, cluster) && isUsed(options, cluster, args);
    },
    execute: args => {
      const cluster = findCluster(options, args);
      return cluster && disablePython(model, cluster, trans);
    }
  });
}

function findCluster({ model, sidebar }: ICommandOptions, args: ReadonlyPartialJSONObject): ICluster | undefined {
  const id = readDraft(args).cluster ?? sidebar.selected.cluster;
  return model.clusters.find(cluster => cluster.id === id);
}

/** Return whether the queries of a cluster can run Python, as far as is known. */
function isOn({ model }: ICommandOptions, { id }: ICluster): boolean {
  const { active, loaded } = model.images(id);
  return loaded && active.state !== 'off';
}

/** Return whether the queries use the image in the arguments; true if there is none. */
function isUsed({ model }: ICommandOptions, { id }: ICluster, args: ReadonlyPartialJSONObject): boolean {
  const { name } = readDraft(args);
  const { active } = model.images(id);
  return name === undefined || (active.state === 'on' && active.image.toLowerCase() === name.toLowerCase());
}

/** Show the error of an action, if there is one. */
async function reported({ trans }: ICommandOptions, title: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    await showErrorMessage(title, errorText(error, trans));
  }
}

/** Show a notification until the emulator is running, and why it is not if its start fails. */
function withProgress({ trans }: ICommandOptions, started: Promise<ICluster>): Promise<ICluster> {
  Notification.promise(started, {
    pending: { message: trans.__('Starting the emulator…') },
    success: {
      message: () => trans.__('The emulator is running.'),
      options: { autoClose: SHOWN_FOR }
    },
    error: { message: error => trans.__('The emulator did not start: %1', errorText(error, trans)) }
  });
  return started;
}
