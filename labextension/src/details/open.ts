/** Opens the details of an image, and the card of a build. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { CommandToolbarButton, Toolbar } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';

import { CommandIDs } from '../commandIds';
import { imageKey } from '../sidebar/rows';
import type { ICards, IImagesModel } from '../tokens';
import { ImageDetails } from './imageDetails';
import type { Tabs } from './tabs';

export interface IOpenOptions {
  readonly tabs: Tabs;
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
}

/** The commands in the toolbar of an image's tab. */
const TOOLBAR = [
  CommandIDs.enableImage,
  CommandIDs.verifyImage,
  CommandIDs.disablePython,
  CommandIDs.editAsCell,
  CommandIDs.newImageFrom,
  CommandIDs.exportImage
] as const;

interface ICardsOption {
  readonly cards: ICards;
}

/** Show the card of a build. */
export async function openBuild({ tabs, model, cards, trans }: IOpenOptions & ICardsOption, id: string): Promise<void> {
  await tabs.open(`kusto-magic-record-${id}`, async () => {
    const { card } = await model.getBuild(id);
    return titled(new MainAreaWidget({ content: cards.create(card) }), trans.__('Image %1', card.image));
  });
}

/** Show what is known of an image. */
export async function openImage(
  options: IOpenOptions & { readonly commands: CommandRegistry },
  cluster: string,
  name: string
): Promise<void> {
  const { tabs, model, trans, commands } = options;
  await tabs.open(`kusto-magic-image-${cluster}-${imageKey(name)}`, () => {
    const content = new ImageDetails({ model, trans, cluster, name, commands });
    const widget = new MainAreaWidget({ content });
    const args = { cluster, name, isToolbar: true };
    TOOLBAR.forEach(id =>
      widget.toolbar.addItem(id, new CommandToolbarButton({ commands, id, args, icon: undefined }))
    );
    widget.toolbar.addItem('spacer', Toolbar.createSpacerItem());
    const id = CommandIDs.deleteImage;
    widget.toolbar.addItem(id, new CommandToolbarButton({ commands, id, args }));
    widget.toolbar.node.setAttribute('aria-label', trans.__('Actions for image %1', name));
    return titled(widget, name);
  });
}

function titled(widget: MainAreaWidget, label: string): MainAreaWidget {
  widget.title.label = label;
  return widget;
}
