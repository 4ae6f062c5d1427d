const find = (selector, inside = document) => inside.querySelector(selector);
const [photos, uploads, picker, drop] = ["#photos", "#uploads", "#picker", "#drop"].map(
  (selector) => find(selector),
);

const copyOf = (template) => find(template).content.firstElementChild.cloneNode(true);

function sizeOf(bytes) {
  const [value, unit] = bytes < 1e6 ? [bytes / 1e3, "kilobyte"] : [bytes / 1e6, "megabyte"];
  const options = { style: "unit", unit, maximumSignificantDigits: value < 100 ? 2 : 3 };
  return new Intl.NumberFormat("en", options).format(value);
}

function count() {
  const number = photos.children.length;
  find("#count").textContent = number === 1 ? "1 photo" : `${number || "No"} photos`;
}

function cardOf(photo) {
  const card = copyOf("#photo");
  const [link, image, remove] = ["a", "img", "button"].map((tag) => find(tag, card));
  link.href = image.src = photo.src;
  image.alt = photo.name.replace(/\.\w+$/, "").replaceAll(/[-_]+/g, " ");
  image.width = photo.width;
  image.height = photo.height;
  find(".name", card).textContent = photo.name;
  find(".facts", card).textContent = `${photo.width} × ${photo.height} · ${sizeOf(photo.size)}`;
  remove.ariaLabel = remove.title = `Delete ${photo.name}`;
  remove.addEventListener("click", () => deletePhoto(photo, card));
  return card;
}

async function deletePhoto(photo, card) {
  if (!confirm(`Delete ${photo.name}?`)) return;
  const answer = await fetch(`photos/${photo.id}`, { method: "DELETE" });
  if (!answer.ok) return alert(`The server answered ${answer.status}: it is still there.`);
  const next = card.nextElementSibling ?? card.previousElementSibling;
  card.remove();
  count();
  (next ? find("button", next) : picker).focus();
}

// Not by fetch: that tells nothing about the progress of an upload.
function send(file, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onerror = () => reject(new Error("the connection broke off"));
    request.onload = () => {
      if (request.status === 201) return resolve(request.response);
      reject(new Error(request.response?.error ?? `the server answered ${request.status}`));
    };
    const form = new FormData();
    form.append("file", file);
    request.open("POST", "photos");
    request.send(form);
  });
}

async function upload(file) {
  const line = copyOf("#upload");
  const [name, bar, message] = [".name", "progress", ".message"].map((part) => find(part, line));
  name.textContent = bar.ariaLabel = file.name;
  uploads.append(line);
  try {
    photos.prepend(cardOf(await send(file, (part) => (bar.value = part))));
    count();
    line.className = "done";
    message.textContent = "added";
  } catch (error) {
    line.className = "refused";
    message.textContent = error.message;
  }
}

async function uploadAll(files) {
  for (const line of uploads.querySelectorAll(".done, .refused")) line.remove();
  for (const file of files) await upload(file);
}

picker.addEventListener("change", async () => {
  const files = [...picker.files];
  picker.value = ""; // so that the same file can be chosen again
  await uploadAll(files);
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  await uploadAll(event.dataTransfer.files);
});

const answer = await fetch("photos");
photos.append(...(await answer.json()).map(cardOf));
count();
