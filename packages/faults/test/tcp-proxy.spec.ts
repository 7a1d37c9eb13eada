import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { TcpProxy } from "../src/tcp-proxy.ts";

describe("TcpProxy", () => {
  let server: Server;
  let proxy: TcpProxy;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    // An echo server.
    server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = await TcpProxy.listen((server.address() as AddressInfo).port);
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await proxy.close();
    server.close();
  });

  async function dial(): Promise<{
    socket: Socket;
    received: () => string;
    isOpen: () => boolean;
  }> {
    const socket = connect(proxy.port, "127.0.0.1").setEncoding("utf8");
    sockets.push(socket);
    let text = "";
    let isOpen = true;
    socket.on("data", (part: string) => (text += part));
    socket.on("error", () => undefined);
    socket.on("close", () => (isOpen = false));
    await once(socket, "connect");
    return { socket, received: () => text, isOpen: () => isOpen };
  }

  async function until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  it("passes all through, both ways, and the end as well", async () => {
    const { socket, received, isOpen } = await dial();
    const text = "x".repeat(1_000_000);
    socket.end(text);
    await until(() => !isOpen());
    expect(received()).to.equal(text);
  });

  it("cuts in the middle of what passes next", async () => {
    const { socket, received, isOpen } = await dial();
    socket.write("whole");
    await until(() => received() === "whole");
    proxy.cut(() => true);
    socket.write("0123456789");
    await until(() => !isOpen());
    expect("whole01234".startsWith(received())).to.equal(true);
  });

  it("holds up everything, and loses nothing of it", async () => {
    const { socket, received } = await dial();
    proxy.set({ type: "stall" });
    socket.write("later");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(received()).to.equal("");
    proxy.set({ type: "pass" });
    await until(() => received() === "later");
  });

  it("slows down, and loses nothing", async () => {
    const { socket, received } = await dial();
    proxy.set({ type: "slow", bytesPerSecond: 20_000 });
    const text = "y".repeat(4000);
    socket.write(text);
    await until(() => received() === text);
  });

  it("cuts what is there and takes nobody while it refuses", async () => {
    const { isOpen } = await dial();
    proxy.set({ type: "refuse" });
    await until(() => !isOpen());
    const other = await dial().catch(() => undefined);
    if (other !== undefined) await until(() => !other.isOpen());
    proxy.set({ type: "pass" });
    const { socket, received } = await dial();
    socket.write("again");
    await until(() => received() === "again");
    await until(() => proxy.connectionCount === 1);
  });
});
