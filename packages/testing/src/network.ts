// The connections between clients and nodes and between nodes, and the faults that a test injects.
import { connect } from "node:net";
import type { Dial } from "@shardcast/server";
import { ShardcastError } from "@shardcast/protocol";
import { Front, type FrontFaults } from "./front.ts";
import type { Passage } from "./one-way.ts";

/** The name of all clients, next to the ids of nodes. */
const CLIENTS = "clients";

/**
 * Faults of the network. A fault without names affects all connections; with one name, those of that node (or of all
 * `"clients"`); with two names, those between both. It lasts until `heal`.
 * @throws SHARDCAST_OPTION_INVALID if a name is neither a node's id nor `clients`
 */
export interface Network {
  /** Resets connections, and new ones too. */
  cut(one?: string, other?: string): void;
  /** Lets connections open, but passes nothing on; neither end notices. What was sent arrives after `heal`. */
  freeze(one?: string, other?: string): void;
  /** Passes everything on later, in each direction. @param ms how much later; the last call for the same names counts */
  delay(ms: number, one?: string, other?: string): void;
  /** Resets the connections that are open now. New ones are not affected. */
  dropLinks(one?: string, other?: string): void;
  /** Ends all faults. It does not start nodes that were killed. */
  heal(): void;
}

interface Scope {
  readonly one: string | undefined;
  readonly other: string | undefined;
}

interface Fault extends Scope {
  readonly type: "cut" | "freeze" | "delay";
  readonly delayMs: number;
}

export class FaultyNetwork implements Network {
  readonly #fronts = new Map<string, Front>();
  readonly #down = new Set<string>();
  /** The nodes that opened connections, by the connections' ports. */
  readonly #sources = new Map<number, string>();
  #faults: Fault[] = [];

  /** Listens at the address of a node, which is down until {@link start}. */
  async add(nodeId: string): Promise<Front> {
    const faults: FrontFaults = {
      sourceOf: (remotePort) => this.#sources.get(remotePort ?? 0) ?? CLIENTS,
      isCut: (source) => this.#down.has(source) || this.#of("cut", source, nodeId).length > 0,
      passage: (source) => this.#passage(source, nodeId),
    };
    const front = await Front.listen(faults);
    this.#fronts.set(nodeId, front);
    return front;
  }

  /** Lets a node dial others. */
  start(nodeId: string): void {
    this.#down.delete(nodeId);
  }

  /** Resets all connections of a node, and refuses new ones. */
  stop(nodeId: string): void {
    this.#down.add(nodeId);
    this.#fronts.get(nodeId)?.shut();
    this.#update();
  }

  /** Returns how a node opens connections to others. */
  dialFrom(nodeId: string): Dial {
    return (options) => {
      const socket = connect(options);
      let port: number | undefined;
      socket.once("connect", () => {
        port = socket.localPort;
        if (port !== undefined) this.#sources.set(port, nodeId);
      });
      socket.once("close", () => {
        if (port !== undefined) this.#sources.delete(port);
      });
      return socket;
    };
  }

  cut(one?: string, other?: string): void {
    this.#add({ type: "cut", delayMs: 0, one, other });
  }

  freeze(one?: string, other?: string): void {
    this.#add({ type: "freeze", delayMs: 0, one, other });
  }

  delay(ms: number, one?: string, other?: string): void {
    this.#faults = this.#faults.filter(
      (fault) => fault.type !== "delay" || fault.one !== one || fault.other !== other,
    );
    this.#add({ type: "delay", delayMs: ms, one, other });
  }

  dropLinks(one?: string, other?: string): void {
    this.#check({ one, other });
    for (const [nodeId, front] of this.#fronts) {
      front.drop((source) => isAffected({ one, other }, source, nodeId));
    }
  }

  heal(): void {
    this.#faults = [];
    this.#update();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#fronts.values()].map((front) => front.close()));
  }

  #add(fault: Fault): void {
    this.#check(fault);
    this.#faults.push(fault);
    this.#update();
  }

  #check({ one, other }: Scope): void {
    for (const name of [one, other]) {
      if (name === undefined || name === CLIENTS || this.#fronts.has(name)) continue;
      const names = [...this.#fronts.keys(), CLIENTS].join(", ");
      throw new ShardcastError("SHARDCAST_OPTION_INVALID", `${name} is none of ${names}`);
    }
  }

  #update(): void {
    for (const front of this.#fronts.values()) front.update();
  }

  #of(type: Fault["type"], source: string, nodeId: string): Fault[] {
    return this.#faults.filter((fault) => fault.type === type && isAffected(fault, source, nodeId));
  }

  #passage(source: string, nodeId: string): Passage {
    const delays = this.#of("delay", source, nodeId).map(({ delayMs }) => delayMs);
    return {
      isFrozen: this.#of("freeze", source, nodeId).length > 0,
      delayMs: Math.max(0, ...delays),
    };
  }
}

function isAffected({ one, other }: Scope, source: string, nodeId: string): boolean {
  return [one, other].every((name) => name === undefined || name === source || name === nodeId);
}
