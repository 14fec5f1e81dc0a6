/** The tree of clusters and images: one stop of the Tab key, arrow keys inside. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useRef } from 'react';

import type { IPoint } from '../components/menu';
import type { IImagesModel } from '../tokens';
import { rowLabel } from './rowTexts';
import { ClusterRow, ImageRow, MessageRow } from './rowViews';
import { type IClusterRow, type IImageRow, type IRow, nextKey, tabRow } from './rows';

/** Pixels between the start of a row and its menu. */
const MENU_INDENT = 24;

/** What the tree asks for; the rows are those of the last rendering. */
export interface ITreeActions {
  /** Expand or collapse a cluster. */
  toggle(cluster: string): void;
  /** Remember the row that has the focus. */
  focus(row: IRow): void;
  showDetails(row: IImageRow): void;
  editAsCell(row: IImageRow): void;
  deleteImage(row: IImageRow): void;
  /** Open the menu of a row. */
  openMenu(row: IClusterRow | IImageRow, at: IPoint): void;
  /** Request the images of a cluster again. */
  retry(cluster: string): void;
  removeCluster(cluster: string): void;
}

export interface ITreeProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly rows: ReadonlyArray<IRow>;
  /** The key of the row that had the focus last, "" if none had it. */
  readonly current: string;
  readonly actions: ITreeActions;
}

export function Tree(props: ITreeProps): React.JSX.Element {
  const { rows, current, trans } = props;
  const element = useRef<HTMLUListElement>(null);
  const tabKey = tabRow(rows, current)?.key;
  useFocusNeighbor(element, rows, current);
  return (
    <ul
      ref={element}
      role="tree"
      className="jp-KustoImage-tree"
      aria-label={trans.__('Clusters and images')}
      onKeyDown={event => onKeyDown(event, props)}
    >
      {rows.map(row => (
        <Row key={row.key} {...props} row={row} isTabStop={row.key === tabKey} />
      ))}
    </ul>
  );
}

interface IRowProps extends ITreeProps {
  readonly row: IRow;
  readonly isTabStop: boolean;
}

function Row(props: IRowProps): React.JSX.Element {
  const { row, isTabStop, current, actions, model, trans } = props;
  return (
    <li
      role="treeitem"
      className={`jp-KustoImage-row jp-mod-${row.kind}`}
      {...rowAttributes(row)}
      aria-label={rowLabel(row, model, trans)}
      aria-posinset={row.position}
      aria-setsize={row.size}
      aria-selected={row.key === current}
      tabIndex={isTabStop ? 0 : -1}
      onFocus={() => actions.focus(row)}
      onContextMenu={event => {
        if (isKnown(row)) {
          event.preventDefault();
          event.stopPropagation(); // JupyterLab would open its own menu
          actions.openMenu(row, { x: event.clientX, y: event.clientY });
        }
      }}
    >
      <RowContent {...props} />
    </li>
  );
}

/** Return the attributes that depend on the kind of a row; tests find rows by those that start with `data-`. */
function rowAttributes(row: IRow): React.LiHTMLAttributes<HTMLLIElement> & Readonly<Record<`data-${string}`, string>> {
  const key = { 'data-key': row.key };
  switch (row.kind) {
    case 'cluster':
      return { ...key, 'data-cluster': row.cluster.name, 'aria-level': 1, 'aria-expanded': row.isExpanded };
    case 'image':
      return {
        ...key,
        'data-image': row.image.name,
        'data-state': (row.build?.card ?? row.image).state,
        'aria-level': 2
      };
    default:
      return { ...key, 'aria-level': 2 };
  }
}

function RowContent(props: IRowProps): React.JSX.Element {
  const { row, actions, model } = props;
  switch (row.kind) {
    case 'cluster':
      return <ClusterRow {...props} row={row} openMenu={at => actions.openMenu(row, at)} />;
    case 'image':
      return <ImageRow {...props} row={row} openMenu={at => actions.openMenu(row, at)} />;
    default:
      return <MessageRow {...props} row={row} shown={model.images(row.cluster.id)} />;
  }
}

function isKnown(row: IRow): row is IClusterRow | IImageRow {
  return row.kind === 'cluster' || row.kind === 'image';
}

function onKeyDown(event: React.KeyboardEvent<HTMLElement>, props: ITreeProps): void {
  const target = event.target as HTMLElement;
  const row = props.rows.find(({ key }) => key === target.dataset.key);
  if (row && !event.ctrlKey && !event.metaKey && !event.altKey && press(event, row, target, props)) {
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Carry out what a key means on a row; return whether it means something. */
function press(event: React.KeyboardEvent, row: IRow, element: HTMLElement, props: ITreeProps): boolean {
  const { actions, rows } = props;
  if (isMenuKey(event) && isKnown(row)) {
    const { left, bottom } = element.getBoundingClientRect();
    actions.openMenu(row, { x: left + MENU_INDENT, y: bottom });
    return true;
  }
  if (pressAction(event.key, row, actions)) {
    return true;
  }
  const key = moveInDepth(event.key, row, rows, actions) ?? nextKey(rows, row.key, event.key);
  if (key !== null) {
    focusRow(element.closest('[role=tree]'), key);
  }
  return key !== null || event.key.startsWith('Arrow');
}

function isMenuKey({ key, shiftKey }: React.KeyboardEvent): boolean {
  return key === 'ContextMenu' || (key === 'F10' && shiftKey);
}

/** Carry out the action of a key, if it has one for this row. */
function pressAction(key: string, row: IRow, actions: ITreeActions): boolean {
  if (key === 'Enter' || key === ' ') {
    activate(row, actions);
    return true;
  }
  if (key === 'Delete' && row.kind === 'image' && row.isCustom) {
    actions.deleteImage(row);
    return true;
  }
  return false;
}

function activate(row: IRow, actions: ITreeActions): void {
  if (row.kind === 'image') {
    actions.showDetails(row);
  } else if (row.kind === 'cluster') {
    actions.toggle(row.cluster.id);
  } else if (row.kind === 'problem') {
    actions.retry(row.cluster.id);
  }
}

/** Expand, collapse, or return the key of the parent or the first child. */
function moveInDepth(pressed: string, row: IRow, rows: ReadonlyArray<IRow>, actions: ITreeActions): string | null {
  if (row.kind !== 'cluster') {
    return pressed === 'ArrowLeft' ? row.cluster.id : null;
  }
  if (pressed === 'ArrowRight' && row.isExpanded) {
    return nextKey(rows, row.key, 'ArrowDown');
  }
  if (pressed === (row.isExpanded ? 'ArrowLeft' : 'ArrowRight')) {
    actions.toggle(row.cluster.id);
  }
  return null;
}

function focusRow(tree: Element | null, key: string): void {
  tree?.querySelector<HTMLElement>(`[data-key=${CSS.escape(key)}]`)?.focus();
}

/** When the focused row is removed, such as that of a deleted image, focus the row that takes its place. */
function useFocusNeighbor(
  element: React.RefObject<HTMLUListElement>,
  rows: ReadonlyArray<IRow>,
  current: string
): void {
  const last = useRef({ index: -1, hadFocus: false });
  useEffect(() => {
    const index = rows.findIndex(({ key }) => key === current);
    const neighbor = rows[Math.min(last.current.index, rows.length - 1)];
    // The browser moves the focus of a removed element to the body.
    if (index < 0 && last.current.hadFocus && document.activeElement === document.body && neighbor) {
      focusRow(element.current, neighbor.key);
    }
    last.current = { index, hadFocus: element.current?.contains(document.activeElement) ?? false };
  });
}
