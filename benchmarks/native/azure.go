package main

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const azureAccount = "/devstoreaccount1"

// azureServer speaks Azure Blob Storage, of block blobs.
//
// It verifies no signature and no digest, and knows no delimiters, copies or leases.
type azureServer struct{ *buckets }

func (s azureServer) handle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Ms-Version", r.Header.Get("X-Ms-Version"))
	w.Header().Set("X-Ms-Request-Id", "0")
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, azureAccount), "/")
	name, key, _ := strings.Cut(path, "/")
	query := r.URL.Query()
	found := s.get(name)
	switch {
	case key == "" && r.Method == http.MethodPut:
		s.create(name)
		w.WriteHeader(http.StatusCreated)
	case found == nil:
		azureError(w, http.StatusNotFound, "ContainerNotFound")
	case key == "" && r.Method == http.MethodPost:
		s.deleteMany(w, r, found)
	case key == "":
		s.list(w, r, name, found)
	case query.Get("comp") == "block":
		s.addBlock(w, r, found, key)
	case query.Get("comp") == "blocklist":
		s.commit(w, r, found, key)
	case query.Has("comp"):
		azureError(w, http.StatusNotImplemented, "NotImplemented")
	default:
		s.handleBlob(w, r, found, key)
	}
}

func (s azureServer) handleBlob(w http.ResponseWriter, r *http.Request, in *bucket, key string) {
	allowed := ifHeaders(r.Header)
	switch r.Method {
	case http.MethodPut:
		if body, ok := azureBody(w, r); ok {
			s.store(w, r, in, key, body)
		}
	case http.MethodDelete:
		found, deleted := in.delete(key, allowed)
		switch {
		case deleted:
			w.WriteHeader(http.StatusAccepted)
		case found:
			azureError(w, http.StatusPreconditionFailed, "ConditionNotMet")
		default:
			azureError(w, http.StatusNotFound, "BlobNotFound")
		}
	default:
		s.send(w, r, in, key, allowed)
	}
}

func (s azureServer) send(
	w http.ResponseWriter, r *http.Request, in *bucket, key string, allowed func(*object) bool,
) {
	stored := in.get(key)
	if stored == nil {
		azureError(w, http.StatusNotFound, "BlobNotFound")
		return
	}
	if !allowed(stored) {
		azureError(w, http.StatusPreconditionFailed, "ConditionNotMet")
		return
	}
	w.Header().Set("X-Ms-Blob-Type", "BlockBlob")
	w.Header().Set("X-Ms-Server-Encrypted", "true")
	w.Header().Set("X-Ms-Creation-Time", stored.modified.Format(http.TimeFormat))
	asked := r.Header.Get("X-Ms-Range")
	if asked == "" {
		asked = r.Header.Get("Range")
	}
	sendObject(w, r, stored, asked)
}

func (s azureServer) store(
	w http.ResponseWriter, r *http.Request, in *bucket, key string, body content,
) {
	headers := kept(r.Header, "X-Ms-Meta-", "Content-Type")
	for name, values := range r.Header {
		if field, ok := strings.CutPrefix(name, "X-Ms-Blob-"); ok && azureFields[field] {
			headers[field] = values[0]
		}
	}
	stored, ok := in.put(key, body, headers, ifHeaders(r.Header))
	switch {
	case ok:
		w.Header().Set("ETag", `"`+stored.etag()+`"`)
		w.Header().Set("Last-Modified", stored.modified.Format(http.TimeFormat))
		w.Header().Set("X-Ms-Request-Server-Encrypted", "true")
		w.WriteHeader(http.StatusCreated)
	case r.Header.Get("If-None-Match") != "":
		azureError(w, http.StatusConflict, "BlobAlreadyExists")
	default:
		azureError(w, http.StatusPreconditionFailed, "ConditionNotMet")
	}
}

func (s azureServer) addBlock(w http.ResponseWriter, r *http.Request, in *bucket, key string) {
	body, ok := azureBody(w, r)
	if !ok {
		return
	}
	in.add(in.begin(key, nil), r.URL.Query().Get("blockid"), body)
	w.WriteHeader(http.StatusCreated)
}

func (s azureServer) commit(w http.ResponseWriter, r *http.Request, in *bucket, key string) {
	var asked struct {
		Latest      []string
		Uncommitted []string
	}
	if err := xml.NewDecoder(r.Body).Decode(&asked); err != nil {
		azureError(w, http.StatusBadRequest, "InvalidXmlDocument")
		return
	}
	body, complete := in.joined(in.begin(key, nil), append(asked.Latest, asked.Uncommitted...))
	if !complete {
		azureError(w, http.StatusBadRequest, "InvalidBlockList")
		return
	}
	in.end(key)
	s.store(w, r, in, key, body)
}

// deleteMany answers a batch, of deletions and nothing else.
func (s azureServer) deleteMany(w http.ResponseWriter, r *http.Request, in *bucket) {
	// Not by package mime: a boundary with a slash should be quoted, and isn't.
	_, boundary, _ := strings.Cut(r.Header.Get("Content-Type"), "boundary=")
	parts := multipart.NewReader(r.Body, strings.Trim(boundary, `"`))
	var answer bytes.Buffer
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			break // the end, or what can't be read: no answer to it is a failure there
		}
		asked, err := http.ReadRequest(bufio.NewReader(part))
		if err != nil {
			break
		}
		_, key, _ := strings.Cut(strings.TrimPrefix(asked.URL.Path, azureAccount+"/"), "/")
		status := "202 Accepted\r\n"
		if found, _ := in.delete(key, always); !found {
			status = "404 Not Found\r\nx-ms-error-code: BlobNotFound\r\n"
		}
		fmt.Fprintf(&answer, "--answer\r\nContent-Type: application/http\r\nContent-ID: %s\r\n\r\n"+
			"HTTP/1.1 %sContent-Length: 0\r\n\r\n", part.Header.Get("Content-ID"), status)
	}
	answer.WriteString("--answer--\r\n")
	w.Header().Set("Content-Type", "multipart/mixed; boundary=answer")
	w.WriteHeader(http.StatusAccepted)
	_, _ = answer.WriteTo(w) // a client may be gone
}

func (s azureServer) list(w http.ResponseWriter, r *http.Request, name string, in *bucket) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("maxresults"))
	if err != nil {
		limit = 5000
	}
	page, next := in.list(query.Get("prefix"), query.Get("marker"), limit)
	var answer strings.Builder
	fmt.Fprintf(&answer, "<EnumerationResults ContainerName=%q><Blobs>", name)
	for _, found := range page {
		modified := found.modified.Format(http.TimeFormat)
		fmt.Fprintf(&answer, "<Blob><Name>%s</Name><Properties><Creation-Time>%s</Creation-Time>"+
			"<Last-Modified>%s</Last-Modified><Etag>%s</Etag><Content-Length>%d</Content-Length>"+
			"<Content-Type>%s</Content-Type><BlobType>BlockBlob</BlobType></Properties></Blob>",
			escaped(found.key), modified, modified, found.etag(), found.size,
			escaped(found.headers["Content-Type"]))
	}
	fmt.Fprintf(&answer, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", escaped(next))
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	sendXML(w, http.StatusOK, answer.String())
}

var azureFields = map[string]bool{
	"Content-Type": true, "Content-Encoding": true, "Content-Language": true,
	"Content-Disposition": true, "Cache-Control": true,
}

func azureBody(w http.ResponseWriter, r *http.Request) (content, bool) {
	body, err := read(r.Body, r.ContentLength)
	if err != nil {
		azureError(w, http.StatusBadRequest, "InvalidInput")
	}
	return body, err == nil
}

func azureError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Ms-Error-Code", code)
	sendXML(w, status, "<Error><Code>"+code+"</Code><Message>"+code+"</Message></Error>")
}
