/** Shows widgets in tabs of the main area; in Notebook 7, whose main area can hold one widget only, below it. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { type MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';

import { TabPanel } from '@lumino/widgets';

import { imageIcon } from '../icons';

export class Tabs {
  constructor(
    private readonly _shell: JupyterFrontEnd.IShell,
    private readonly _area: 'main' | 'down'
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
    widget.toggleClass('jp-KustoImage-below', this._area === 'down');
    void this.tracker.add(widget);
    this._shell.add(widget, this._area);
    this._show(widget);
  }

  /** Activate the tab with an id. Return whether there is one. */
  private _activate(id: string): boolean {
    const open = this.tracker.find(widget => widget.id === id);
    if (open) {
      this._show(open);
    }
    return open !== undefined;
  }

  private _show(widget: MainAreaWidget): void {
    this._shell.activateById(widget.id);
    const panel = widget.parent?.parent;
    if (panel instanceof TabPanel) {
      panel.currentWidget = widget; // the shell of Notebook 7 shows the area only
    }
  }
}
