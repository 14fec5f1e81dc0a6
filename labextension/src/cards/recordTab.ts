/** Opens the record of a build in the main area; one tab per build. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import { imageIcon } from '../icon';
import { CardRenderer } from './buildCard';
import type { IImagesModel } from '../tokens';

export class Records {
  constructor(
    private readonly _shell: JupyterFrontEnd.IShell,
    private readonly _model: IImagesModel,
    private readonly _trans: TranslationBundle
  ) {}

  async open(id: string): Promise<void> {
    const { card } = this._model.find(id) ?? (await this._model.api.build(id));
    const known = this._open.get(id);
    if (known) {
      this._shell.activateById(known.id);
      return;
    }
    const content = new CardRenderer(this._model, this._trans);
    content.addClass('jp-mod-alone');
    content.present(card);
    const widget = new MainAreaWidget({ content });
    widget.id = `kusto-magic-record-${id}`;
    widget.title.label = this._trans.__('Image %1', card.image);
    widget.title.icon = imageIcon;
    widget.title.closable = true;
    widget.disposed.connect(() => this._open.delete(id));
    this._open.set(id, widget);
    this._shell.add(widget, 'main');
  }

  private readonly _open = new Map<string, MainAreaWidget>();
}
