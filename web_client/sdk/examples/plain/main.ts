import { show, started } from "../shared/page.ts";

const mouth = document.querySelector<SVGEllipseElement>("#mouth")!;
show(mouth);

const session = await started();
const OPEN = { sil: 0, PP: 0, FF: 3, TH: 6, DD: 5, kk: 7, CH: 6, SS: 4, nn: 5, RR: 6, aa: 20, E: 12, I: 7, O: 14, U: 7 };
session.on("viseme", ({ name, weight }) => {
  mouth.setAttribute("ry", String(1 + OPEN[name] * weight));
  mouth.setAttribute("rx", String(name === "O" || name === "U" ? 10 : 18));
});
show(mouth, session);
