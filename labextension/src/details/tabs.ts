/** Shows widgets in tabs of the main area, or in dialogs where there are no tabs. */
import type { ILabShell } from '@jupyterlab/application';
import { Dialog, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';

import { imageIcon } from '../icons';

export class Tabs {
  /** `shell` is that of JupyterLab, null in Notebook 7, whose main area has room for one widget. */
  constructor(
    private readonly _shell: ILabShell | null,
    private readonly _trans: TranslationBundle
  ) {}

  /** The open tabs. */
  readonly tracker = new WidgetTracker<MainAreaWidget>({ namespace: 'kusto-magic' });

  /** Show the widget with an id, creating it if it is not open. `create` returns a widget with a title. */
  async open(id: string, create: () => Promise<MainAreaWidget> | MainAreaWidget): Promise<void> {
    if (this._activate(id)) {
      return;
    }
    const widget = await create();
    if (this._activate(id)) {
      widget.dispose(); // opened a second time meanwhile
      return;
    }
    widget.id = id;
    widget.title.icon = imageIcon;
    widget.title.closable = true;
    if (this._shell) {
      this._shell.add(widget, 'main');
      this._shell.activateById(id);
      void this.tracker.add(widget);
    } else {
      await this._showDialog(widget);
    }
  }

  /** Activate the tab with an id. Return whether there is one. */
  private _activate(id: string): boolean {
    const tab = this.tracker.find(widget => widget.id === id);
    if (tab) {
      this._shell?.activateById(id);
    }
    return tab !== undefined;
  }

  private async _showDialog(widget: Widget): Promise<void> {
    widget.addClass('jp-KustoImage-inDialog');
    const buttons = [Dialog.okButton({ label: this._trans.__('Close') })];
    await new Dialog({ title: widget.title.label, body: widget, buttons, hasClose: true }).launch();
  }
}
