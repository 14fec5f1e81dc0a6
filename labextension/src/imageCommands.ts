/** The commands of one image: the one in their arguments, otherwise the one that is selected in the sidebar. */
import { Clipboard, showErrorMessage } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { ICluster, IImage } from './api/api';
import { errorMessage } from './api/requestAPI';
import { CommandIDs } from './commandIds';
import { type ICommandOptions, readDraft } from './commands';
import { openBuild, openImage } from './details/open';
import { showExportDialog } from './details/exportDialog';
import { showVerifyDialog } from './details/verifyDialog';
import { isActiveImage } from './sidebar/activeImage';
import { deleteImage, enableImage } from './sidebar/dialogs';
import { type IListedImage, imageKey, listImages } from './sidebar/rows';
import type { IImageDraft, IImagesModel } from './tokens';

/** An image that the commands act on. */
interface IImageOfCluster extends IListedImage {
  readonly cluster: ICluster;
}

interface IImageCommand {
  readonly label: string;
  /** The label where the image is obvious: in its menu and in the toolbar of its tab. */
  readonly short: string;
  readonly isEnabled?: (found: IImageOfCluster) => boolean;
  readonly isVisible?: () => boolean;
  /** Whether a managed image has it too. */
  readonly isForManaged?: boolean;
  /** A class of its menu item. */
  readonly className?: string;
  readonly run: (found: IImageOfCluster) => unknown;
}

export function addImageCommands(options: ICommandOptions): void {
  const { app, model, cards, tabs, trans } = options;
  const { commands } = app;
  commands.addCommand(CommandIDs.openRecord, {
    label: trans.__('Show Details of a Kusto Image Build'),
    isVisible: args => typeof args.id === 'string',
    execute: args => openBuild({ tabs, model, cards, trans }, typeof args.id === 'string' ? args.id : '')
  });
  commands.addCommand(CommandIDs.showDetails, {
    label: args => (isShort(args) ? trans.__('Show details') : trans.__('Show Details of the Selected Kusto Image')),
    isEnabled: args => target(options, args).name !== undefined,
    execute: args => {
      // Not only for known images: a page that is loading restores its tabs before it knows them.
      const { cluster = '', name = '' } = target(options, args);
      return cluster && name ? openImage({ tabs, model, trans, commands }, cluster, name) : undefined;
    }
  });
  Object.entries(imageCommands(options)).forEach(([id, command]) => addImageCommand(options, id, command));
}

function imageCommands(options: ICommandOptions): Record<string, IImageCommand> {
  const { app, model, notebooks, labShell, trans } = options;
  const execute = (id: string, draft: IImageDraft): Promise<unknown> => app.commands.execute(id, { ...draft });
  return {
    [CommandIDs.editAsCell]: {
      label: trans.__('Edit the Selected Kusto Image as Cell'),
      short: trans.__('Edit as cell'),
      isVisible: () => labShell !== null || notebooks.currentWidget !== null,
      run: async found => execute(CommandIDs.insertCell, await draftOf(model, found))
    },
    [CommandIDs.newImageFrom]: {
      label: trans.__('Use the Selected Kusto Image as Base…'),
      short: trans.__('Use as base…'),
      isVisible: () => options.sidebar.isAttached,
      isForManaged: true,
      run: ({ cluster, image }) => execute(CommandIDs.newImage, { cluster: cluster.id, base: image.name })
    },
    [CommandIDs.copyName]: {
      label: trans.__('Copy Name of the Selected Kusto Image'),
      short: trans.__('Copy name'),
      isForManaged: true,
      run: ({ image }) => Clipboard.copyToSystem(image.name)
    },
    [CommandIDs.exportImage]: {
      label: trans.__('Export the Selected Kusto Image…'),
      short: trans.__('Export as…'),
      isEnabled: found => isListed(model, found),
      run: ({ cluster, image }) => showExportDialog({ model, trans }, cluster, image.name)
    },
    [CommandIDs.enableImage]: {
      label: trans.__('Enable the Selected Kusto Image on Its Cluster…'),
      short: trans.__('Enable…'),
      isEnabled: found => isListed(model, found) && !isActive(model, found),
      run: ({ cluster, image }) => enableImage(model, cluster, image.name, trans)
    },
    [CommandIDs.verifyImage]: {
      label: trans.__('Verify the Selected Kusto Image…'),
      short: trans.__('Verify…'),
      isForManaged: true,
      isEnabled: found => isActive(model, found),
      run: found => showVerifyDialog({ model, trans, ...found })
    },
    [CommandIDs.deleteImage]: {
      label: trans.__('Delete the Selected Kusto Image…'),
      short: trans.__('Delete…'),
      className: 'jp-KustoImage-danger',
      isEnabled: found => isListed(model, found),
      run: ({ cluster, image }) => deleteImage(model, cluster, image.name, trans)
    }
  };
}

function addImageCommand(options: ICommandOptions, id: string, command: IImageCommand): void {
  const { app, trans } = options;
  const { isEnabled = () => true, isVisible = () => true, isForManaged = false } = command;
  const isFor = (found: IImageOfCluster | null): boolean => isForManaged || found?.isCustom !== false;
  const specification: CommandRegistry.ICommandOptions = {
    label: args => (isShort(args) ? command.short : command.label),
    isEnabled: args => {
      const found = findImage(options, args);
      return found !== null && isFor(found) && isEnabled(found);
    },
    isVisible: args => isVisible() && isFor(findImage(options, args)),
    className: args => (args.isMenu ? (command.className ?? '') : ''),
    execute: async args => {
      const { name = '' } = target(options, args);
      try {
        return await command.run(await requireImage(options, args));
      } catch (error) {
        return showErrorMessage(trans.__('Image %1', name), errorMessage(error));
      }
    }
  };
  app.commands.addCommand(id, specification);
}

/** Return the cluster and the name in the arguments, otherwise those that are selected. */
function target({ sidebar }: ICommandOptions, args: ReadonlyPartialJSONObject): IImageDraft {
  const draft = readDraft(args);
  return draft.cluster || draft.name ? draft : sidebar.selected;
}

function findImage(options: ICommandOptions, args: ReadonlyPartialJSONObject): IImageOfCluster | null {
  const { model } = options;
  const { cluster: id, name } = target(options, args);
  const cluster = model.clusters.find(it => it.id === id);
  if (!cluster || !name) {
    return null;
  }
  const listed = listImages(model, cluster.id).find(({ image }) => imageKey(image.name) === imageKey(name));
  return listed ? { cluster, ...listed } : null;
}

/** Return an image, requesting those of its cluster if they are not known yet. Throws an error if there is none. */
async function requireImage(options: ICommandOptions, args: ReadonlyPartialJSONObject): Promise<IImageOfCluster> {
  const { model, trans } = options;
  const { cluster = '', name = '' } = target(options, args);
  if (!findImage(options, args) && cluster) {
    await model.refreshImages(cluster);
  }
  const found = findImage(options, args);
  if (!found) {
    throw new Error(model.images(cluster).problem || trans.__('There is no image %1 on this cluster.', name));
  }
  return found;
}

/** Return the draft of an image; the texts of one that Azure does not list yet are requested from its build. */
async function draftOf(model: IImagesModel, found: IImageOfCluster): Promise<IImageDraft> {
  const { cluster, image, build } = found;
  const base = { cluster: cluster.id, name: image.name, ...baseOf(image) };
  const isComplete = isListed(model, found) || !build;
  return { ...base, requirements: isComplete ? image.requirements : await requirementsOf(model, build.card.id) };
}

async function requirementsOf(model: IImagesModel, build: string): Promise<string> {
  return (await model.getBuild(build)).card.requirements;
}

function baseOf({ baseImage, pythonVersion }: IImage): IImageDraft {
  return baseImage ? { base: baseImage } : { python: pythonVersion };
}

/** Return whether Azure lists an image of the cluster; otherwise it is being built, or a managed one. */
function isListed(model: IImagesModel, { cluster, image }: IImageOfCluster): boolean {
  return model.images(cluster.id).images.some(({ name }) => name === image.name);
}

function isActive(model: IImagesModel, { cluster, image }: IImageOfCluster): boolean {
  return isActiveImage(model.images(cluster.id).active, image.name);
}

function isShort(args: ReadonlyPartialJSONObject): boolean {
  return args.isMenu === true || args.isToolbar === true;
}
