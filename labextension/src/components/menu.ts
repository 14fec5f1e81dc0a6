/** Menus of registered commands that open beside an element. */
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { Menu } from '@lumino/widgets';

/** A command with its arguments, or a line between two groups. */
export type IMenuItem = { readonly command: string; readonly args: ReadonlyJSONObject } | 'separator';

/** Where a menu opens, in pixels of the page. */
export interface IPoint {
  readonly x: number;
  readonly y: number;
}

/** Opens one menu at a time. When it closes, the element that had the focus has it again. */
export class PopupMenu {
  constructor(private readonly _commands: CommandRegistry) {}

  open(items: ReadonlyArray<IMenuItem>, { x, y }: IPoint): void {
    // Not disposed when it closes: its command is executed afterwards.
    this._menu?.dispose();
    const menu = (this._menu = new Menu({ commands: this._commands }));
    menu.addClass('jp-KustoImage-menu');
    items.forEach(item => menu.addItem(item === 'separator' ? { type: 'separator' } : item));
    const focused = document.activeElement;
    // Before its command is executed: a dialog gives the focus back to the element that had it.
    menu.aboutToClose.connect(() => {
      if (focused instanceof HTMLElement && focused.isConnected) {
        focused.focus();
      }
    });
    menu.open(x, y);
    menu.activeIndex = 0;
  }

  private _menu: Menu | null = null;
}
