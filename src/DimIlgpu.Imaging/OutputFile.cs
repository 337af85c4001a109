using DimIlgpu.Model.Weights;

namespace DimIlgpu.Imaging;

/// <summary>Writes a file whole, in a folder that is made where it is missing.</summary>
internal static class OutputFile
{
    public static void Write(string path, Action<Stream> write)
    {
        string full = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(full)
            ?? throw new IOException($"{path} could not be written: it names no file.");
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{path} could not be written: its folder could not be made ({fault.Message})", fault);
        }

        AtomicFile.Write(full, write);
    }
}
