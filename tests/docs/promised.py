"""What the File Storage page promised its readers before there was any code: word for word."""

UPLOAD = """\
from openviper.storage import default_storage
from openviper.http.request import Request
from openviper.http.response import JSONResponse
from openviper.routing.router import Router

router = Router()

@router.post("/upload")
async def upload_file(request: Request) -> JSONResponse:
    files = await request.files()
    file = files.get("file")
    if file is None:
        return JSONResponse({"error": "No file provided"}, status_code=400)

    content = await file.read()
    saved_path = await default_storage.save(f"uploads/{file.filename}", content)
    url = default_storage.url(saved_path)

    return JSONResponse({"path": saved_path, "url": url})
"""

DOCUMENT = """\
from openviper.db.models import Model
from openviper.db import fields

class Document(Model):
    class Meta:
        table_name = "documents"

    title = fields.CharField(max_length=255)
    file = fields.FileField(upload_to="documents/")

# In a view:
@router.post("/documents")
async def upload_doc(request: Request) -> JSONResponse:
    form = await request.form()
    uploaded = (await request.files()).get("file")
    doc = Document(title=form["title"], file=uploaded)
    await doc.save()
    return JSONResponse({"url": default_storage.url(doc.file)}, status_code=201)
"""
