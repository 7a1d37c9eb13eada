// Locks that last as long as a tab, and waiting for the end of other tabs. Web Locks are released by the browser when a
// tab ends, however it ends.

/** Holds a lock until `release` is called, or the tab ends. Resolves when the lock is held. */
export async function holdLock(
  name: string,
  signal: AbortSignal,
): Promise<{ readonly release: () => void }> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, { signal }, () => {
        return new Promise<void>((release) => resolve({ release }));
      })
      .catch(reject);
  });
}

/** Calls `onFree` when nobody holds a lock any more. Returns a function that stops waiting. */
export function onceFree(name: string, onFree: () => void): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  navigator.locks.request(name, { mode: "shared", signal }, onFree).catch(() => undefined);
  return () => controller.abort();
}
