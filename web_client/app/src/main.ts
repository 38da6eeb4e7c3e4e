import { connect, tabStore } from "@visavis/sdk";
import { App } from "./app.ts";
import { askInfo } from "./info.ts";
import { microphoneGranted } from "./permission.ts";
import { parseOptions } from "./options.ts";
import "./styles/index.css";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html: expected an element with the id `app`");
const options = parseOptions(location.search);
new App({ connect, askInfo, options, tickets: tabStore(undefined, options.persona), microphoneGranted, root });
