// Sends a file as it is, shows how far that has come, and then follows its import until it is stored or refused.

const PAUSE_MS = 700;
const form = document.getElementById("import-form");
const trouble = document.getElementById("import-trouble");
const sending = document.getElementById("import-sending");

for (const part of document.querySelectorAll("[data-import]")) {
  if (part.dataset.state === "waiting" || part.dataset.state === "running") follow(part.dataset.import);
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const file = document.getElementById("import-file").files[0];
  const mostBytes = Number(form.dataset.maxBytes);
  if (!file) return complain("Please choose a file.");
  if (!file.size) return complain(`${file.name} is empty.`);
  if (file.size > mostBytes) return complain(`${file.name} has ${megabytes(file.size)} MB; the largest file that is taken has ${megabytes(mostBytes)} MB.`);
  send(file);
});

function send(file) {
  const value = (id) => document.getElementById(id).value;
  const asked = new URLSearchParams({ name: file.name, format: value("import-format"), title: value("import-title"), task: value("import-task") });
  const request = new XMLHttpRequest();
  const bar = sending.querySelector("progress");
  const stop = document.getElementById("import-stop");
  const done = (words) => {
    sending.hidden = true;
    document.getElementById("import-send").disabled = false;
    stop.onclick = null;
    if (words) complain(words);
  };
  trouble.hidden = true;
  sending.hidden = false;
  bar.value = 0;
  document.getElementById("import-send").disabled = true;
  stop.onclick = () => request.abort();
  request.upload.onprogress = ({ loaded }) => {
    bar.value = loaded / file.size;
    document.getElementById("import-share").textContent = `${megabytes(loaded)} of ${megabytes(file.size)} MB`;
  };
  request.onload = () => {
    const answer = request.response;
    if (request.status === 201 && answer) {
      done("");
      form.reset();
      follow(answer.id);
    } else {
      done(answer?.detail || `The server answered with ${request.status}; nothing was stored.`);
    }
  };
  request.onerror = () => done("The connection broke off; nothing was stored. Please send the file again.");
  request.onabort = () => done("Stopped; nothing was stored.");
  request.open("POST", `${form.dataset.upload}?${asked}`);
  request.responseType = "json";
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.setRequestHeader("X-CSRFToken", form.dataset.token);
  request.send(file);
}

/** Show how an import stands until it ends; then the page is loaded again, which says what came of it. */
async function follow(id) {
  const answer = await fetch(form.dataset.job.replace(/0$/, id)).catch(() => null);
  if (answer?.ok) {
    const job = await answer.json();
    if (job.state !== "waiting" && job.state !== "running") {
      location.reload();
      return;
    }
    const part = document.querySelector(`[data-import="${id}"]`) ?? added(job);
    part.querySelector("[data-words]").textContent = job.state === "waiting" ? "waiting for its turn" : job.message || "reading";
    part.querySelector("progress").value = job.progress_ratio;
  }
  setTimeout(() => follow(id), PAUSE_MS);
}

function added(job) {
  const part = document.createElement("article");
  const [line, name, words, bar] = ["p", "b", "span", "progress"].map((tag) => document.createElement(tag));
  part.className = "stack-tight";
  part.dataset.import = job.id;
  part.dataset.state = job.state;
  name.textContent = job.name;
  words.dataset.words = "";
  bar.max = 1;
  bar.setAttribute("aria-label", `Progress of the import of ${job.name}`);
  line.append(name, ": ", words);
  part.append(line, bar);
  document.getElementById("imports").prepend(part);
  document.getElementById("no-imports").hidden = true;
  return part;
}

function complain(words) {
  trouble.textContent = words;
  trouble.hidden = false;
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
