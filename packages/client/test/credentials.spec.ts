import { PskKeys } from "@shardcast/protocol/proof";
import { ShardcastError, type Credentials } from "@shardcast/protocol";
import { expect } from "chai";
import { TokenSource } from "../src/credentials.ts";
import { KeySource } from "../src/key-source.ts";

/** The results of an application's getToken, call by call, and a clock that the test controls. */
class Application {
  calls = 0;
  #answers: { resolve: (token: string) => void; reject: (error: unknown) => void }[] = [];
  #timers = new Set<() => void>();
  readonly source = new TokenSource(
    () => {
      this.calls += 1;
      return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }));
    },
    (_ms, run) => {
      this.#timers.add(run);
      return () => this.#timers.delete(run);
    },
  );

  get timerCount(): number {
    return this.#timers.size;
  }

  async answer(token: unknown, call = this.calls): Promise<void> {
    await Promise.resolve();
    this.#answers[call - 1]?.resolve(token as string);
    await settle();
  }

  async fail(error: unknown): Promise<void> {
    this.#answers[this.calls - 1]?.reject(error);
    await settle();
  }

  /** Lets all pending timeouts pass. */
  timeOut(): void {
    for (const run of [...this.#timers]) run();
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function tokenOf(token: string): Credentials {
  return { type: "token", token };
}

function errorOf(promise: unknown): Promise<unknown> {
  return Promise.resolve(promise).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("KeySource", () => {
  it("has one key, which is not replaced", async () => {
    const source = new KeySource(new PskKeys("key"));
    expect(source.get()).to.equal(source.get());
    expect(source.refused()).to.equal(false);
    expect(source.isRenewable).to.equal(false);
    expect(await errorOf(source.renew())).to.have.property("code", "SHARDCAST_UNAUTHORIZED");
  });
});

describe("TokenSource of one token", () => {
  it("gives it, and has no other", () => {
    const source = new TokenSource("t1");
    expect(source.get()).to.deep.equal(tokenOf("t1"));
    source.accepted(tokenOf("t1"));
    expect(source.refused(tokenOf("t1"))).to.equal(false);
    expect(source.isRenewable).to.equal(false);
    expect(source.get()).to.deep.equal(tokenOf("t1"));
  });

  it("takes the empty text for one", () => {
    expect(new TokenSource("").get()).to.deep.equal(tokenOf(""));
  });
});

describe("TokenSource of getToken", () => {
  let application: Application;
  let source: TokenSource;

  beforeEach(() => {
    application = new Application();
    ({ source } = application);
  });

  it("asks once for however many links", async () => {
    const asked: unknown[] = [source.get(), source.get(), source.renew(tokenOf("t0"))];
    await settle();
    await application.answer("t1");
    expect(await Promise.all(asked)).to.deep.equal([tokenOf("t1"), tokenOf("t1"), "t1"]);
    expect(source.get()).to.deep.equal(tokenOf("t1"));
    expect([application.calls, application.timerCount]).to.deep.equal([1, 0]);
  });

  async function holding(token: string): Promise<void> {
    void source.get();
    await settle();
    await application.answer(token);
  }

  it("gives a link that is told later of the end what another one has asked for already", async () => {
    await holding("t1");
    const first = source.renew(tokenOf("t1"));
    await settle();
    await application.answer("t2");
    expect(await first).to.equal("t2");
    expect(await source.renew(tokenOf("t1"))).to.equal("t2");
    expect(application.calls).to.equal(2);
    void source.renew(tokenOf("t2"));
    await settle();
    expect(application.calls).to.equal(3);
  });

  it("does not ask again for a new one that is refused", async () => {
    await holding("t1");
    expect(source.refused(tokenOf("t1"))).to.equal(false);
  });

  it("asks again for one that was good once", async () => {
    await holding("t1");
    source.accepted(tokenOf("t1"));
    expect(source.refused(tokenOf("t1"))).to.equal(true);
    const next = source.get();
    await settle();
    await application.answer("t2");
    expect(await next).to.deep.equal(tokenOf("t2"));
    expect(source.refused(tokenOf("t2"))).to.equal(false);
  });

  it("takes an old token that is accepted for no word on the new one", async () => {
    await holding("t1");
    source.accepted(tokenOf("t1"));
    expect(source.refused(tokenOf("t1"))).to.equal(true);
    await holding("t2");
    source.accepted(tokenOf("t1"));
    expect(source.refused(tokenOf("t2"))).to.equal(false);
  });

  it("tries the new one where a link is refused with an old one", async () => {
    await holding("t1");
    source.accepted(tokenOf("t1"));
    source.refused(tokenOf("t1"));
    await holding("t2");
    expect(source.refused(tokenOf("t1"))).to.equal(true);
    expect(source.get()).to.deep.equal(tokenOf("t2"));
  });

  it("passes on what getToken throws, and asks again the next time", async () => {
    const cause = new Error("not now");
    const thrower = new TokenSource(() => {
      throw cause;
    });
    expect(await errorOf(thrower.get())).to.equal(cause);
    const asked = errorOf(source.get());
    await settle();
    await application.fail(cause);
    expect(await asked).to.equal(cause);
    void source.get();
    await settle();
    expect(application.calls).to.equal(2);
  });

  for (const token of [undefined, 1, {}, Symbol("t"), true]) {
    it(`refuses ${typeof token}, which is no text`, async () => {
      const asked = errorOf(source.get());
      await settle();
      await application.answer(token);
      const error = await asked;
      expect(error).to.be.instanceOf(ShardcastError);
      expect(error).to.have.property("code", "SHARDCAST_OPTION_INVALID");
      expect(error).to.have.property("retryable", false);
    });
  }

  it("does not wait for ever, and does not look at what comes too late", async () => {
    const asked = errorOf(source.get());
    await settle();
    application.timeOut();
    const error = await asked;
    expect(error).to.have.property("code", "SHARDCAST_TIMEOUT");
    expect(error).to.have.property("retryable", true);
    const again = source.get();
    await settle();
    expect(application.calls).to.equal(2);
    await application.answer("late", 1);
    await application.answer("t2");
    expect(await again).to.deep.equal(tokenOf("t2"));
    expect(source.get()).to.deep.equal(tokenOf("t2"));
  });
});
