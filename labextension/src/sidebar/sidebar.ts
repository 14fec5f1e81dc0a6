/** The panel in the left area: a toolbar, and below it the clusters, their images and the form for a new image. */
import { CommandToolbarButton, SidePanel, Toolbar } from '@jupyterlab/ui-components';
import type { ITranslator } from '@jupyterlab/translation';
import { Panel, Widget } from '@lumino/widgets';

import { CommandIDs } from '../commandIds';
import { imageIcon } from '../icons';
import type { IImageDraft } from '../tokens';
import { SidebarContent, type ISidebarOptions } from './sidebarContent';

/** The commands in the toolbar, in the order of their buttons. */
const TOOLBAR = [CommandIDs.toggleFilter, CommandIDs.refresh, CommandIDs.newImage] as const;

export class Sidebar extends SidePanel {
  constructor(options: ISidebarOptions & { readonly translator?: ITranslator }) {
    super({ content: new Panel(), translator: options.translator });
    const title = options.trans.__('Kusto images');
    this.id = 'kusto-magic-sidebar';
    this.title.icon = imageIcon;
    this.title.caption = title;
    this.addClass('jp-KustoImage-sidebar');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', title);
    this.content.node.removeAttribute('role'); // the panel is a region as a whole
    this.content.node.removeAttribute('aria-label');
    this._fillToolbar(options, title);
    this._view = new SidebarContent(options);
    this.content.addWidget(this._view);
  }

  /** The image or cluster of the row that has, or last had, the focus. */
  get selected(): IImageDraft {
    return this._view.selected;
  }

  /** Show the form with the values of a draft, unless the user keeps what is being typed there. */
  openForm(draft: IImageDraft): Promise<void> {
    return this._view.openForm(draft);
  }

  /** Show the field that filters the images, or hide it. */
  toggleFilter(): void {
    this._view.toggleFilter();
  }

  /** Expand a cluster and give the focus to its row. */
  showCluster(cluster: string): void {
    this._view.showCluster(cluster);
  }

  private _fillToolbar({ commands, trans }: ISidebarOptions, title: string): void {
    const heading = new Widget({ node: document.createElement('h2') });
    heading.node.textContent = title;
    heading.addClass('jp-KustoImage-title');
    this.toolbar.node.setAttribute('aria-label', trans.__('Actions for Kusto images'));
    this.toolbar.addItem('title', heading);
    this.toolbar.addItem('spacer', Toolbar.createSpacerItem());
    TOOLBAR.forEach(id => this.toolbar.addItem(id, new CommandToolbarButton({ commands, id, label: '' })));
  }

  private readonly _view: SidebarContent;
}
