/** Tabs in the main area that show the card of a build. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { imageIcon } from '../icons';
import type { ICards, IImagesModel } from '../tokens';

export class RecordTabs {
  constructor(
    private readonly _shell: JupyterFrontEnd.IShell,
    private readonly _model: IImagesModel,
    private readonly _cards: ICards,
    private readonly _trans: TranslationBundle
  ) {}

  /** Show the tab of a build, opening it if necessary. */
  async open(id: string): Promise<void> {
    if (this._activate(id)) {
      return;
    }
    const { card } = await this._model.getBuild(id);
    if (this._activate(id)) {
      return; // opened a second time meanwhile
    }
    const widget = new MainAreaWidget({ content: this._cards.create(card) });
    widget.id = `kusto-magic-record-${id}`;
    widget.title.label = this._trans.__('Image %1', card.image);
    widget.title.icon = imageIcon;
    widget.title.closable = true;
    widget.disposed.connect(() => this._tabs.delete(id));
    this._tabs.set(id, widget);
    this._shell.add(widget, 'main');
  }

  /** Activate the tab of a build. Return whether there is one. */
  private _activate(id: string): boolean {
    const tab = this._tabs.get(id);
    if (tab) {
      this._shell.activateById(tab.id);
    }
    return tab !== undefined;
  }

  private readonly _tabs = new Map<string, MainAreaWidget>();
}
