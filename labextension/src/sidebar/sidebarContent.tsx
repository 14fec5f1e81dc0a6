/** The content of the sidebar below its toolbar. */
import { Dialog, ReactWidget, showDialog, UseSignal } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import type * as React from 'react';

import type { IBuild } from '../api/api';
import { CommandIDs } from '../commandIds';
import { PopupMenu } from '../components/menu';
import type { IImageDraft, IImagesModel } from '../tokens';
import { FormSession } from './formSession';
import { ImageForm } from './imageForm';
import { imageKey, type IImageRow, type IRow, listRows } from './rows';
import { clusterMenu, imageMenu } from './rowMenus';
import { SidebarStatus } from './sidebarStatus';
import { type ITreeActions, Tree } from './tree';

/** Maximum number of frames to wait for an element that is to get the focus. */
const MAX_FRAMES = 30;

export interface ISidebarOptions {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly commands: CommandRegistry;
}

export class SidebarContent extends ReactWidget {
  constructor(private readonly _options: ISidebarOptions) {
    super();
    this.addClass('jp-KustoImage-sidebarContent');
    this._menu = new PopupMenu(_options.commands);
    // With `this` as context, disposing the widget disconnects it.
    _options.model.changed.connect(() => this._updateWatchedClusters(), this);
  }

  get selected(): IImageDraft {
    const row = this._rows().find(({ key }) => key === this._current);
    return row ? { cluster: row.cluster.id, ...(row.kind === 'image' ? { name: row.image.name } : {}) } : {};
  }

  async openForm(draft: IImageDraft): Promise<void> {
    const { model, trans } = this._options;
    const hasDraft = Object.values(draft).some(value => value);
    if (this._session && (!hasDraft || !(await this._mayDiscard(trans.__('Replace what is in the form?'))))) {
      this._focusForm();
      return;
    }
    this._closeForm();
    this._focusedBefore = document.activeElement;
    const session = (this._session = new FormSession(model, trans, draft));
    session.accepted.connect((_, build) => this._onAccepted(build));
    this._changed.emit();
    this._focusForm();
  }

  toggleFilter(): void {
    this._filter = this._filter === null ? '' : null;
    this._changed.emit();
    this._focusAfterRender('input[type=search]');
  }

  showCluster(cluster: string): void {
    if (!this._isExpanded(cluster)) {
      this._toggle(cluster);
    }
    this._focusRow(cluster);
  }

  override dispose(): void {
    this._session?.dispose();
    super.dispose();
  }

  protected override onAfterShow(): void {
    this._updateWatchedClusters();
    void this._options.model.refresh();
  }

  protected override onAfterHide(): void {
    this._updateWatchedClusters();
  }

  protected override render(): React.JSX.Element {
    const { model } = this._options;
    return (
      <UseSignal signal={model.changed}>
        {() => <UseSignal signal={this._changed}>{() => this._renderContent()}</UseSignal>}
      </UseSignal>
    );
  }

  private _renderContent(): React.JSX.Element {
    const { model, trans, commands } = this._options;
    const rows = this._rows();
    return (
      <>
        <SidebarStatus model={model} trans={trans} commands={commands} />
        {this._filter === null ? null : this._renderFilter(this._filter)}
        {this._session ? (
          <ImageForm
            model={model}
            trans={trans}
            session={this._session}
            onInsertCell={draft => void this._insertCell(draft)}
            onClose={() => void this._cancelForm()}
          />
        ) : null}
        {rows.length ? (
          <Tree model={model} trans={trans} rows={rows} current={this._current} actions={this._actions} />
        ) : null}
      </>
    );
  }

  private _renderFilter(filter: string): React.JSX.Element {
    const label = this._options.trans.__('Filter images');
    return (
      <input
        type="search"
        className="jp-KustoImage-filter"
        placeholder={label}
        aria-label={label}
        value={filter}
        onChange={event => this._setFilter(event.target.value)}
        onKeyDown={event => event.key === 'Escape' && this.toggleFilter()}
      />
    );
  }

  private _setFilter(filter: string): void {
    this._filter = filter;
    this._changed.emit();
  }

  private _rows(): IRow[] {
    const { model } = this._options;
    return listRows({ model, isExpanded: id => this._isExpanded(id), filter: this._filter ?? '' });
  }

  // ── clusters ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The first cluster is expanded by default. */
  private _isExpanded(cluster: string): boolean {
    return this._toggled.has(cluster) !== (this._options.model.clusters[0]?.id === cluster);
  }

  private _toggle(cluster: string): void {
    if (!this._toggled.delete(cluster)) {
      this._toggled.add(cluster);
    }
    this._updateWatchedClusters();
    this._changed.emit();
  }

  /** Refresh only the images that the user can see: each request asks Azure. */
  private _updateWatchedClusters(): void {
    const ids = this._options.model.clusters.map(({ id }) => id);
    this._options.model.watchImages(this, this.isVisible ? ids.filter(id => this._isExpanded(id)) : []);
  }

  // ── form ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async _cancelForm(): Promise<void> {
    if (await this._mayDiscard(this._options.trans.__('Discard the new image?'))) {
      this._closeForm();
      this._restoreFocus();
    }
  }

  /** Ask before something that was typed is lost. */
  private async _mayDiscard(title: string): Promise<boolean> {
    const { trans } = this._options;
    if (!this._session || this._session.isUntouched) {
      return true;
    }
    const buttons = [
      Dialog.cancelButton({ label: trans.__('Keep') }),
      Dialog.warnButton({ label: trans.__('Discard') })
    ];
    const body = trans.__('What you have typed will be lost.');
    return (await showDialog({ title, body, buttons, defaultButton: 0 })).button.accept;
  }

  private async _insertCell(draft: IImageDraft): Promise<void> {
    if (await this._options.commands.execute(CommandIDs.insertCell, { ...draft })) {
      this._closeForm();
    }
  }

  private _onAccepted({ card, clusterId }: IBuild): void {
    const hadFocus = this.node.contains(document.activeElement);
    this._closeForm();
    if (hadFocus) {
      this._focusRow(`${clusterId}/${imageKey(card.image)}`);
    }
  }

  private _closeForm(): void {
    this._session?.dispose();
    this._session = null;
    this._changed.emit();
  }

  // ── focus ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private _focusForm(): void {
    this._focusAfterRender('[data-field=name]');
  }

  private _focusRow(key: string): void {
    this._current = key;
    this._changed.emit();
    this._focusAfterRender(`[data-key=${CSS.escape(key)}]`);
  }

  /** Focus an element that the next rendering adds; React renders within a few frames. */
  private _focusAfterRender(selector: string, frames = MAX_FRAMES): void {
    requestAnimationFrame(() => {
      const element = this.node.querySelector<HTMLElement>(selector);
      if (element) {
        element.focus();
      } else if (frames > 0) {
        this._focusAfterRender(selector, frames - 1);
      }
    });
  }

  private _restoreFocus(): void {
    const before = this._focusedBefore;
    if (before instanceof HTMLElement && before.isConnected && before !== document.body) {
      before.focus();
    } else {
      this._focusAfterRender('[role=treeitem][tabindex="0"]');
    }
  }

  // ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private _execute(command: string, row: IRow): void {
    const name = row.kind === 'image' ? { name: row.image.name } : {};
    void this._options.commands.execute(command, { cluster: row.cluster.id, ...name });
  }

  private readonly _actions: ITreeActions = {
    toggle: cluster => this._toggle(cluster),
    focus: row => {
      if (row.key !== this._current) {
        this._current = row.key;
        this._changed.emit();
      }
    },
    showDetails: row => this._execute(CommandIDs.showDetails, row),
    editAsCell: row => this._execute(CommandIDs.editAsCell, row),
    deleteImage: row => this._execute(CommandIDs.deleteImage, row),
    openMenu: (row, at) => this._menu.open(row.kind === 'image' ? this._imageMenu(row) : clusterMenu(row.cluster), at),
    retry: cluster => void this._options.model.refreshImages(cluster),
    removeCluster: cluster => void this._options.commands.execute(CommandIDs.removeCluster, { cluster })
  };

  private _imageMenu({ cluster, image }: IImageRow): ReturnType<typeof imageMenu> {
    return imageMenu({ cluster: cluster.id, name: image.name });
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _menu: PopupMenu;
  /** The clusters that are not in their default state. */
  private readonly _toggled = new Set<string>();
  private _current = '';
  /** Part of the names to show, null while the field is hidden. */
  private _filter: string | null = null;
  private _focusedBefore: Element | null = null;
  private _session: FormSession | null = null;
}
