/** Conditions that become true when something happens; nobody polls. */
export class Waiting {
  readonly #checks = new Set<() => void>();

  /** Something has happened. */
  notify(): void {
    for (const check of [...this.#checks]) check();
  }

  /** Resolves to the first value of `find` that is not undefined. Rejects after `timeoutMs`, naming `what`. */
  until<T>(what: string, timeoutMs: number, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        let found: T | undefined;
        try {
          found = find();
        } catch (error) {
          done();
          reject(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        if (found === undefined) return;
        done();
        resolve(found);
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`the fake gateway waited ${String(timeoutMs)} ms in vain for ${what}`));
      }, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        this.#checks.delete(check);
      };
      this.#checks.add(check);
      check();
    });
  }
}
