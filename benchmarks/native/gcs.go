package main

import (
	"encoding/json"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// gcsServer speaks the JSON interface of Google Cloud Storage.
//
// It asks for no token, and knows no delimiters, copies, patches, compositions or digests.
type gcsServer struct{ *buckets }

type gcsAttributes struct {
	Name               string            `json:"name"`
	ContentType        string            `json:"contentType,omitempty"`
	CacheControl       string            `json:"cacheControl,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
}

type gcsResource struct {
	Kind       string `json:"kind"`
	Bucket     string `json:"bucket"`
	Size       string `json:"size"`
	Generation string `json:"generation"`
	Updated    string `json:"updated"`
	ETag       string `json:"etag"`
	gcsAttributes
}

func (s gcsServer) handle(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(r.URL.EscapedPath(), "/storage/v1/b")
	if path == "" && r.Method == http.MethodPost {
		s.createBucket(w, r)
		return
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	found := s.get(name)
	key, err := url.PathUnescape(strings.TrimPrefix(rest, "o/"))
	isUpload := strings.HasPrefix(r.URL.Path, "/upload/") || strings.HasPrefix(r.URL.Path, "/resumable/")
	switch {
	case found == nil || err != nil || !strings.HasPrefix(rest, "o"):
		gcsError(w, http.StatusNotFound)
	case isUpload:
		s.upload(w, r, name, found)
	case rest == "o":
		s.list(w, r, name, found)
	default:
		s.handleObject(w, r, name, found, key)
	}
}

func (s gcsServer) createBucket(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Name string }
	if json.NewDecoder(r.Body).Decode(&asked) != nil {
		gcsError(w, http.StatusBadRequest)
		return
	}
	s.create(asked.Name)
	sendJSON(w, map[string]string{"kind": "storage#bucket", "name": asked.Name})
}

func (s gcsServer) handleObject(
	w http.ResponseWriter, r *http.Request, name string, in *bucket, key string,
) {
	allowed := ifGeneration(r)
	if r.Method == http.MethodDelete {
		found, deleted := in.delete(key, allowed)
		gcsStatus(w, found, deleted, http.StatusNoContent)
		return
	}
	stored := in.get(key)
	if stored == nil || !allowed(stored) {
		gcsStatus(w, stored != nil, false, 0)
		return
	}
	if r.URL.Query().Get("alt") != "media" {
		sendJSON(w, resource(name, entry{key, stored}))
		return
	}
	w.Header().Set("X-Goog-Generation", strconv.FormatInt(stored.version, 10))
	w.Header().Set("X-Goog-Stored-Content-Length", strconv.FormatInt(stored.size, 10))
	sendObject(w, r, stored, r.Header.Get("Range"))
}

func (s gcsServer) upload(w http.ResponseWriter, r *http.Request, name string, in *bucket) {
	query := r.URL.Query()
	switch {
	case query.Has("upload_id"):
		s.resume(w, r, name, in, query.Get("upload_id"))
	case query.Get("uploadType") == "multipart":
		s.uploadMultipart(w, r, name, in)
	case query.Get("uploadType") == "resumable":
		s.beginSession(w, r, in)
	default:
		body, err := read(r.Body, r.ContentLength)
		if err != nil {
			gcsError(w, http.StatusBadRequest)
			return
		}
		attributes := gcsAttributes{Name: query.Get("name"), ContentType: r.Header.Get("Content-Type")}
		s.store(w, r, name, in, attributes, body)
	}
}

func (s gcsServer) uploadMultipart(w http.ResponseWriter, r *http.Request, name string, in *bucket) {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		gcsError(w, http.StatusBadRequest)
		return
	}
	parts := multipart.NewReader(r.Body, parameters["boundary"])
	var attributes gcsAttributes
	first, err := parts.NextPart()
	if err != nil || json.NewDecoder(first).Decode(&attributes) != nil {
		gcsError(w, http.StatusBadRequest)
		return
	}
	second, err := parts.NextPart()
	if err != nil {
		gcsError(w, http.StatusBadRequest)
		return
	}
	size := int64(pieceSize)
	if r.ContentLength > 0 {
		size = min(size, r.ContentLength) // a small file takes no large piece
	}
	body, err := readAll(second, size)
	if err != nil {
		gcsError(w, http.StatusBadRequest)
		return
	}
	if attributes.Name == "" {
		attributes.Name = r.URL.Query().Get("name")
	}
	s.store(w, r, name, in, attributes, body)
}

func (s gcsServer) beginSession(w http.ResponseWriter, r *http.Request, in *bucket) {
	var attributes gcsAttributes
	_ = json.NewDecoder(r.Body).Decode(&attributes) // an empty body says nothing
	if attributes.Name == "" {
		attributes.Name = r.URL.Query().Get("name")
	}
	encoded, err := json.Marshal(attributes)
	if err != nil {
		gcsError(w, http.StatusBadRequest)
		return
	}
	id := strconv.FormatInt(lastUpload.Add(1), 10)
	in.begin(id, map[string]string{"": string(encoded)})
	again := r.URL.Query()
	again.Set("upload_id", id)
	w.Header().Set("Location", "http://"+r.Host+r.URL.EscapedPath()+"?"+again.Encode())
}

// resume takes one part of a session, or all of it.
func (s gcsServer) resume(w http.ResponseWriter, r *http.Request, name string, in *bucket, id string) {
	begun := in.upload(id)
	var attributes gcsAttributes
	switch {
	case begun == nil || json.Unmarshal([]byte(begun.headers[""]), &attributes) != nil:
		gcsError(w, http.StatusNotFound)
		return
	case r.Method == http.MethodDelete:
		in.end(id)
		w.WriteHeader(499)
		return
	}
	part, err := read(r.Body, r.ContentLength)
	if err != nil {
		gcsError(w, http.StatusBadRequest)
		return
	}
	held, _ := in.joined(begun, []string{""})
	whole := content{append(held.pieces, part.pieces...), held.size + part.size}
	in.add(begun, "", whole)
	_, total, ranged := strings.Cut(r.Header.Get("Content-Range"), "/")
	if ranged && total != strconv.FormatInt(whole.size, 10) {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", whole.size-1))
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	in.end(id)
	s.store(w, r, name, in, attributes, whole)
}

func (s gcsServer) store(
	w http.ResponseWriter, r *http.Request, name string, in *bucket,
	attributes gcsAttributes, body content,
) {
	encoded, err := json.Marshal(attributes.Metadata)
	if err != nil {
		gcsError(w, http.StatusBadRequest)
		return
	}
	headers := map[string]string{"X-Goog-Metadata": string(encoded)}
	for header, value := range map[string]string{
		"Content-Type":        attributes.ContentType,
		"Cache-Control":       attributes.CacheControl,
		"Content-Disposition": attributes.ContentDisposition,
		"Content-Encoding":    attributes.ContentEncoding,
	} {
		if value != "" {
			headers[header] = value
		}
	}
	stored, ok := in.put(attributes.Name, body, headers, ifGeneration(r))
	if !ok {
		gcsError(w, http.StatusPreconditionFailed)
		return
	}
	sendJSON(w, resource(name, entry{attributes.Name, stored}))
}

func (s gcsServer) list(w http.ResponseWriter, r *http.Request, name string, in *bucket) {
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("maxResults"))
	if err != nil {
		limit = 1000
	}
	page, next := in.list(query.Get("prefix"), query.Get("pageToken"), limit)
	items := make([]gcsResource, len(page))
	for i, found := range page {
		items[i] = resource(name, found)
	}
	answer := map[string]any{"kind": "storage#objects", "items": items}
	if next != "" {
		answer["nextPageToken"] = next
	}
	sendJSON(w, answer)
}

func ifGeneration(r *http.Request) func(*object) bool {
	wanted, err := strconv.ParseInt(r.URL.Query().Get("ifGenerationMatch"), 10, 64)
	switch {
	case err != nil:
		return always
	case wanted == 0:
		return isFree
	default:
		return func(o *object) bool { return o != nil && o.version == wanted }
	}
}

func resource(bucket string, found entry) gcsResource {
	var metadata map[string]string
	_ = json.Unmarshal([]byte(found.headers["X-Goog-Metadata"]), &metadata) // as it was stored
	return gcsResource{
		Kind: "storage#object", Bucket: bucket,
		Size:       strconv.FormatInt(found.size, 10),
		Generation: strconv.FormatInt(found.version, 10),
		Updated:    found.modified.Format(time.RFC3339Nano),
		ETag:       found.etag(),
		gcsAttributes: gcsAttributes{
			Name:               found.key,
			ContentType:        found.headers["Content-Type"],
			CacheControl:       found.headers["Cache-Control"],
			ContentDisposition: found.headers["Content-Disposition"],
			ContentEncoding:    found.headers["Content-Encoding"],
			Metadata:           metadata,
		},
	}
}

func gcsStatus(w http.ResponseWriter, found, done bool, success int) {
	switch {
	case done:
		w.WriteHeader(success)
	case found:
		gcsError(w, http.StatusPreconditionFailed)
	default:
		gcsError(w, http.StatusNotFound)
	}
}

func gcsError(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error": {"code": %d, "message": %q}}`, status, http.StatusText(status))
}

func sendJSON(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // a client may be gone
}
