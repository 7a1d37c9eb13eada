// Chooses the local address and port of a client's connection. One address has too few ports for
// all clients, and with thousands of ports in use, the kernel takes half a millisecond to choose
// one.

export interface LocalEnd {
  readonly localAddress: string;
  readonly localPort: number;
}

const FIRST_PORT = 10_000;
const PORTS_PER_ADDRESS = 20_000;
const ADDRESSES_PER_NET = 250;
/** Different in each process: ports of closed connections stay in use for a minute. */
const NET = 1 + Math.floor(Math.random() * 250);

/** @param number the connection's number within its process */
export function localEnd(number: number): LocalEnd {
  const address = Math.floor(number / PORTS_PER_ADDRESS);
  const [third, fourth] = [Math.floor(address / ADDRESSES_PER_NET), address % ADDRESSES_PER_NET];
  return {
    localAddress: `127.${NET}.${third}.${2 + fourth}`,
    localPort: FIRST_PORT + (number % PORTS_PER_ADDRESS),
  };
}
