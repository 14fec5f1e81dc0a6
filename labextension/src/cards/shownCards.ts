/** Which cards the user can see. */

/** The part of IntersectionObserver that is used; tests pass their own. */
export interface IViewObserver {
  observe(element: Element): void;
  unobserve(element: Element): void;
}

/** Whether an element has come into view or has left it. */
export type ViewChange = Pick<IntersectionObserverEntry, 'target' | 'isIntersecting'>;

export interface IShownCardsOptions {
  readonly isPageHidden: () => boolean;
  /** Return an observer that reports elements that come into view or leave it, also by scrolling or by another tab. */
  readonly createObserver: (report: (changes: ReadonlyArray<ViewChange>) => void) => IViewObserver;
}

export class ShownCards {
  constructor(private readonly _options: IShownCardsOptions) {
    this._observer = _options.createObserver(changes => changes.forEach(change => this._update(change)));
  }

  /** Observe the element of a card. `id` returns the id of the build or fleet that it shows. */
  add(element: Element, id: () => string | undefined): void {
    this._ids.set(element, id);
    this._observer.observe(element);
  }

  remove(element: Element): void {
    this._observer.unobserve(element);
    this._ids.delete(element);
    this._inView.delete(element);
  }

  /** Return whether the user can see the card of a build or of a fleet. */
  isShown(id: string): boolean {
    return !this._options.isPageHidden() && [...this._inView].some(element => this._ids.get(element)?.() === id);
  }

  private _update({ target, isIntersecting }: ViewChange): void {
    if (isIntersecting && this._ids.has(target)) {
      this._inView.add(target);
    } else {
      this._inView.delete(target);
    }
  }

  private readonly _observer: IViewObserver;
  private readonly _ids = new Map<Element, () => string | undefined>();
  private readonly _inView = new Set<Element>();
}
