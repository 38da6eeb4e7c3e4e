/** The parts of a browser that the doors use, as small as they can be. Each fake remembers what was made of it. */
import { vi } from "vitest";

class Node {
  readonly context: FakeContext;
  connected: unknown[] = [];
  constructor(context: FakeContext) {
    this.context = context;
  }
  connect(target: unknown): void {
    this.connected.push(target);
  }
  disconnect(): void {
    this.connected = [];
  }
}

export class FakeContext {
  state = "running";
  destination = {};
  sampleRate = 48_000;
  currentTime = 1;
  outputLatency = 0;
  baseLatency = 0;
  audioWorklet = { addModule: vi.fn<(url: URL) => Promise<void>>(() => Promise.resolve()) };
  resume = () => Promise.resolve();
  getOutputTimestamp = () => ({ contextTime: 1, performanceTime: performance.now() });
  createMediaStreamSource = () => new Node(this);
  close = () => Promise.resolve();
}

export class FakeAnalyser extends Node {
  fftSize = 1024;
  getFloatTimeDomainData(samples: Float32Array): void {
    samples.fill(0.5);
  }
}

export class FakeWorklet extends Node {
  static made: FakeWorklet[] = [];
  readonly posted: { chunk?: { gen: number; t: number; samples: Float32Array }; purge?: number; hold?: true }[] = [];
  readonly port = {
    onmessage: null as ((event: { data: unknown }) => void) | null,
    postMessage: (message: FakeWorklet["posted"][number]) => this.posted.push(message),
  };
  constructor(
    context: FakeContext,
    readonly name: string,
  ) {
    super(context);
    FakeWorklet.made.push(this);
  }
  static named(name: string): FakeWorklet {
    return FakeWorklet.made.findLast((node) => node.name === name)!;
  }
}

export class FakeAudio {
  static made: FakeAudio[] = [];
  srcObject: unknown = null;
  autoplay = false;
  muted = false;
  refusal: Error | undefined;
  constructor() {
    FakeAudio.made.push(this);
  }
  get paused(): boolean {
    return this.srcObject === null || this.refusal !== undefined;
  }
  play = (): Promise<void> => (this.refusal ? Promise.reject(this.refusal) : Promise.resolve());
}

export class FakeSocket {
  static made: FakeSocket[] = [];
  static readonly OPEN = 1;
  readyState = 0;
  binaryType = "blob";
  bufferedAmount = 0;
  readonly sent: (string | ArrayBuffer)[] = [];
  onopen: (() => void) | null = null;
  onclose: ((event: { reason: string }) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  close = vi.fn();
  readonly url: string;
  constructor(
    url: URL,
    readonly protocols: string[],
  ) {
    this.url = url.href;
    FakeSocket.made.push(this);
  }
  open(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }
  send(data: string | ArrayBuffer): void {
    this.sent.push(data);
  }
}

export class FakeChannel {
  readyState = "connecting";
  bufferedAmount = 0;
  readonly sent: string[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  constructor(
    readonly label: string,
    readonly options: RTCDataChannelInit,
  ) {}
  send(data: string): void {
    this.sent.push(data);
  }
  open(): void {
    this.readyState = "open";
    this.onopen?.();
  }
}

export class FakePeer {
  static made: FakePeer[] = [];
  static candidates = "a=candidate:1 1 udp 1 127.0.0.1 9 typ host";
  /** Whether the channel opens once there is an answer. */
  static reachable = true;
  static gathers = true;
  readonly channels: FakeChannel[] = [];
  readonly transceivers: [unknown, RTCRtpTransceiverInit][] = [];
  connectionState = "new";
  iceGatheringState = "new";
  localDescription: { sdp: string } | null = null;
  onconnectionstatechange: (() => void) | null = null;
  onicegatheringstatechange: (() => void) | null = null;
  ontrack: ((event: { track: unknown; receiver: unknown }) => void) | null = null;
  close = vi.fn();
  constructor(readonly configuration: RTCConfiguration) {
    FakePeer.made.push(this);
  }
  createDataChannel(label: string, options: RTCDataChannelInit): FakeChannel {
    this.channels.push(new FakeChannel(label, options));
    return this.channels.at(-1)!;
  }
  addTransceiver(track: unknown, init: RTCRtpTransceiverInit): { currentDirection: string } {
    this.transceivers.push([track, init]);
    return { currentDirection: "sendrecv" };
  }
  createOffer = () => Promise.resolve({});
  setLocalDescription(): Promise<void> {
    this.localDescription = { sdp: `v=0\r\n${FakePeer.candidates}\r\n` };
    if (FakePeer.gathers) this.iceGatheringState = "complete";
    return Promise.resolve();
  }
  setRemoteDescription({ sdp }: { sdp: string }): Promise<void> {
    if (sdp !== "answer") return Promise.reject(new Error("no SDP"));
    if (FakePeer.reachable) queueMicrotask(() => this.channels[0]!.open());
    return Promise.resolve();
  }
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** Puts the fakes in the browser's place. */
export function fakeBrowser(): void {
  for (const fake of [FakeWorklet, FakeAudio, FakeSocket, FakePeer]) fake.made.length = 0;
  FakePeer.candidates = "a=candidate:1 1 udp 1 127.0.0.1 9 typ host";
  FakePeer.reachable = FakePeer.gathers = true;
  vi.stubGlobal("AnalyserNode", FakeAnalyser);
  vi.stubGlobal("AudioWorkletNode", FakeWorklet);
  vi.stubGlobal("Audio", FakeAudio);
  vi.stubGlobal("MediaStream", class {});
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("RTCPeerConnection", FakePeer);
}
