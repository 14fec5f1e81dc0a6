/** Shows JupyterLab notifications that are updated in place. */
import { Notification } from '@jupyterlab/apputils';

export interface IToastAction {
  readonly label: string;
  readonly callback: () => void;
}

export type ToastType = 'success' | 'warning' | 'error';

/** Shows notifications; tests pass their own implementation. */
export interface IToasts {
  /** Show that an operation has started, in place of the notification `id` if it still exists. Return the new id. */
  start(message: string, id?: string): string;
  /** Show the end of an operation, in place of the notification `id` if it still exists. */
  finish(message: string, type: ToastType, actions: ReadonlyArray<IToastAction>, id?: string): void;
}

/** Maximum number of characters that JupyterLab shows. */
const MAX_LENGTH = 140;

/** Milliseconds after which a start or a success is closed; the notification center keeps it. A failure stays. */
const DURATION = 5000;

// Not updated between start and end: an update reopens a notification that the user has closed.
export const toasts: IToasts = {
  start: (message, id) => show(id, message, 'in-progress', { autoClose: DURATION }),
  finish: (message, type, actions, id) =>
    void show(id, message, type, { autoClose: type === 'success' ? DURATION : false, actions: [...actions] })
};

function show(
  id: string | undefined,
  message: string,
  type: Notification.TypeOptions,
  options: { autoClose: number | false; actions?: Notification.IAction[] }
): string {
  const text = truncate(message);
  if (id === undefined || !Notification.manager.has(id)) {
    return Notification.emit(text, type, options);
  }
  Notification.update({ id, message: text, type, ...options });
  return id;
}

function truncate(message: string): string {
  return message.length <= MAX_LENGTH ? message : `${message.slice(0, MAX_LENGTH - 1)}…`;
}
